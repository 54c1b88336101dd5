/**
 * The engine in TensorFlow.js: portable, differentiated automatically, and the oracle for faster engines.
 *
 * The embedding's lookup stays outside the differentiated function: its gradient is scattered on the host in the order of the tokens,
 * which is the same on every backend and never depends on the order of parallel adds.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Batch } from "../../data/batch.js";
import type { Architecture } from "../../model/architecture.js";
import { EMBEDDING, type Parameter } from "../../model/parameters.js";
import { rotaryFrequencies } from "../../model/rope.js";
import { CopyOut } from "../copy-out.js";
import type {
  AdamWStep,
  DecodingSession,
  Engine,
  EngineDescription,
  EngineTensor,
  RowLosses,
  SessionOptions,
  TensorCopy,
  TensorKind,
  TensorSource,
} from "../engine.js";
import { checkTokens, rowLosses } from "../seam.js";
import { adamW } from "./adamw.js";
import type { Backend } from "./backend.js";
import { hiddenStates, type Weights } from "./decoder.js";
import { layoutOf } from "./layout.js";
import { tokenLosses, tokenLossesWithGradient } from "./loss.js";
import { TfjsSession } from "./session.js";
import { TensorStore } from "./store.js";

export class TfjsEngine implements Engine {
  readonly #architecture: Architecture;
  readonly #table: readonly Parameter[];
  readonly #backend: Backend;
  readonly #store: TensorStore;
  readonly #frequencies: Float64Array;
  readonly #copying = new Set<Promise<void>>();

  constructor(architecture: Architecture, table: readonly Parameter[], backend: Backend) {
    this.#architecture = architecture;
    this.#table = table;
    this.#backend = backend;
    this.#store = new TensorStore(table);
    this.#frequencies = rotaryFrequencies(architecture);
  }

  describe(): EngineDescription {
    const { kind, device, deterministic } = this.#backend;
    return { name: kind, device, precision: "fp32", deterministic };
  }

  load(tensors: Iterable<EngineTensor | TensorSource>): Promise<void> {
    return this.#store.load(tensors, () => this.#backend.use());
  }

  copyOut(kinds: readonly TensorKind[], aheadBytes: number): TensorCopy {
    const tensors = kinds.flatMap((kind) =>
      this.#table.map(({ name, shape }) => ({ name, kind, shape, dtype: "F32" as const })),
    );
    const copy = new CopyOut(tensors, aheadBytes);
    this.#backend.use();
    const copied = this.#store
      .copyTo(copy, () => this.#backend.use())
      .catch((error: unknown) => copy.fail(error))
      .finally(() => this.#copying.delete(copied));
    this.#copying.add(copied);
    return copy;
  }

  async accumulate(batch: Batch, scale: number): Promise<RowLosses> {
    this.#backend.use();
    for (const tokens of [batch.inputs_BT, batch.targets_BT]) checkTokens(tokens, this.#architecture.vocabulary);
    const names = this.#table.map(({ name }) => name).filter((name) => name !== EMBEDDING || this.#architecture.tied);
    const { value, grads } = tf.tidy(() => {
      const weights = names.map((name) => this.#store.get("weight", name));
      return tf.valueAndGrads((embedded, ...given) => {
        const byName = new Map(names.map((name, index) => [name, given[index] as tf.Tensor]));
        return this.#losses(batch, (name) => byName.get(name) as tf.Tensor, embedded as tf.Tensor2D, scale);
      })([this.#embed(batch.inputs_BT), ...weights]);
    });
    const [dEmbedded_NC, ...dWeights] = grads as [tf.Tensor, ...tf.Tensor[]];
    names.forEach((name, index) => {
      this.#store.add("gradient", name, dWeights[index] as tf.Tensor);
    });
    const [losses_N, dEmbedded] = await Promise.all([take(value), take(dEmbedded_NC)]);
    this.#backend.use();
    this.#store.add("gradient", EMBEDDING, this.#scatter(batch.inputs_BT, dEmbedded));
    return rowLosses(batch, losses_N);
  }

  async evaluate(batch: Batch): Promise<RowLosses> {
    this.#backend.use();
    for (const tokens of [batch.inputs_BT, batch.targets_BT]) checkTokens(tokens, this.#architecture.vocabulary);
    const weights: Weights = (name) => this.#store.get("weight", name);
    const losses = tf.tidy(() => this.#losses(batch, weights, this.#embed(batch.inputs_BT), null));
    return rowLosses(batch, await take(losses));
  }

  /**
   * Squares are added along rows on the device and the rows' sums in double precision on the host, in the table's order.
   * The norm of nothing is 0.
   */
  async gradientNorm(): Promise<number> {
    this.#backend.use();
    const names = this.#table.map(({ name }) => name).filter((name) => this.#store.has("gradient", name));
    const sums = names.map((name) => tf.tidy(() => tf.sum(tf.square(this.#store.get("gradient", name)), -1)));
    let total = 0;
    for (const data of await Promise.all(sums.map(take))) for (const value of data) total += value;
    return Math.sqrt(total);
  }

  /** Waits for copies, which would keep the tensors that are replaced in memory. */
  async update(step: AdamWStep): Promise<void> {
    await Promise.all(this.#copying);
    this.#backend.use();
    for (const { name, decays } of this.#table) {
      const before = {
        weight: this.#store.get("weight", name),
        moment1: this.#store.get("moment1", name),
        moment2: this.#store.get("moment2", name),
      };
      const after = adamW(before, this.#store.get("gradient", name), step, decays);
      for (const kind of ["weight", "moment1", "moment2"] as const) this.#store.set(kind, name, after[kind]);
    }
    this.#store.clear("gradient");
  }

  discard(): void {
    this.#store.clear("gradient");
  }

  session(options: SessionOptions): DecodingSession {
    const weights: Weights = (name) => this.#store.get("weight", name);
    return new TfjsSession(this.#architecture, weights, this.#backend, options);
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }

  /** −ln p(target) of every token, [N]; differentiable when a scale is given. */
  #losses(batch: Batch, weights: Weights, embedded_NC: tf.Tensor2D, scale: number | null): tf.Tensor1D {
    const extent = { rows: batch.rows, queries: batch.length, keys: batch.length };
    const layout = layoutOf(this.#architecture, this.#frequencies, extent, batch.documentStart_BT);
    const hidden_NC = hiddenStates(this.#architecture, weights, layout, embedded_NC);
    const head_VC = weights(this.#architecture.tied ? EMBEDDING : "lm_head.weight") as tf.Tensor2D;
    if (scale === null) return tokenLosses(hidden_NC, head_VC, batch.targets_BT);
    const seed_N = Float32Array.from(batch.lossMask_BT, (bit) => bit * scale);
    return tokenLossesWithGradient(hidden_NC, head_VC, batch.targets_BT, seed_N);
  }

  #embed(tokens: Int32Array): tf.Tensor2D {
    return tf.gather(this.#store.get("weight", EMBEDDING) as tf.Tensor2D, tf.tensor1d(tokens, "int32"));
  }

  /** Gradient of the lookup: row `t` of the result is the sum of the gradients of all places where token t stood. */
  #scatter(tokens: Int32Array, dEmbedded_NC: Float32Array): tf.Tensor {
    const { width, vocabulary } = this.#architecture;
    const gradient = new Float32Array(vocabulary * width);
    tokens.forEach((token, place) => {
      for (let channel = 0; channel < width; channel++) {
        const at = token * width + channel;
        gradient[at] = (gradient[at] as number) + (dEmbedded_NC[place * width + channel] as number);
      }
    });
    return tf.tensor(gradient, [vocabulary, width], "float32");
  }
}

/** Values of a tensor that is freed at once. */
async function take(tensor: tf.Tensor): Promise<Float32Array> {
  try {
    return (await tensor.data()) as Float32Array;
  } finally {
    tensor.dispose();
  }
}
