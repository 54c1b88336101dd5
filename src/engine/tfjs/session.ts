/** Decoding with the keys and values of all earlier tokens kept, row after row: each has its own, and grows at its own pace. */
import * as tf from "@tensorflow/tfjs-core";
import type { Architecture } from "../../model/architecture.js";
import { EMBEDDING } from "../../model/parameters.js";
import { rotaryFrequencies } from "../../model/rope.js";
import type { DecodingSession, SessionOptions } from "../engine.js";
import { SessionRows } from "../seam.js";
import type { Backend } from "./backend.js";
import { hiddenStates, type KeysAndValues, type Weights } from "./decoder.js";
import { layoutOf } from "./layout.js";

export class TfjsSession implements DecodingSession {
  readonly #architecture: Architecture;
  readonly #weights: Weights;
  readonly #backend: Backend;
  readonly #frequencies: Float64Array;
  readonly #rows: SessionRows;
  /** By row and layer. */
  readonly #memory: KeysAndValues[][];

  constructor(architecture: Architecture, weights: Weights, backend: Backend, options: SessionOptions) {
    this.#architecture = architecture;
    this.#weights = weights;
    this.#backend = backend;
    this.#frequencies = rotaryFrequencies(architecture);
    this.#rows = new SessionRows(options, architecture.vocabulary);
    this.#memory = this.#rows.lengths.map(() => []);
  }

  async feed(tokens_B: readonly (readonly number[])[]): Promise<(Float32Array | null)[]> {
    this.#rows.check(tokens_B);
    this.#backend.use();
    const logits_B = tokens_B.map((tokens, row) => (tokens.length === 0 ? null : this.#feedRow(row, tokens)));
    this.#rows.advance(tokens_B);
    try {
      return await Promise.all(
        logits_B.map(async (logits) => (logits === null ? null : Float32Array.from(await logits.data()))),
      );
    } finally {
      for (const logits of logits_B) logits?.dispose();
    }
  }

  #feedRow(row: number, tokens: readonly number[]): tf.Tensor2D {
    const fresh: KeysAndValues[] = [];
    const logits = tf.tidy(() => {
      const result = this.#forward(row, tokens, fresh);
      for (const { keys, values } of fresh) {
        tf.keep(keys);
        tf.keep(values);
      }
      return result;
    });
    this.#forget(row);
    this.#memory[row] = fresh;
    return logits;
  }

  /** Logits after the last token, [1, V]; fills `fresh` with every layer's grown memory. */
  #forward(row: number, tokens: readonly number[], fresh: KeysAndValues[]): tf.Tensor2D {
    const { tied } = this.#architecture;
    const extent = { rows: 1, queries: tokens.length, keys: this.#rows.lengths[row] + tokens.length };
    const layout = layoutOf(this.#architecture, this.#frequencies, extent, new Int32Array(tokens.length));
    const embedded = tf.gather(this.#weights(EMBEDDING), tf.tensor1d([...tokens], "int32")) as tf.Tensor2D;
    const hidden = hiddenStates(this.#architecture, this.#weights, layout, embedded, (layer, { keys, values }) => {
      const past = this.#memory[row][layer];
      const grown =
        past === undefined
          ? { keys, values }
          : { keys: tf.concat([past.keys, keys], 1), values: tf.concat([past.values, values], 1) };
      fresh[layer] = grown;
      return grown;
    });
    const last = tf.slice(hidden, [tokens.length - 1, 0], [1, hidden.shape[1]]);
    const head_VC = this.#weights(tied ? EMBEDDING : "lm_head.weight") as tf.Tensor2D;
    return tf.matMul(last, head_VC, false, true);
  }

  #forget(row: number): void {
    for (const { keys, values } of this.#memory[row]) {
      keys.dispose();
      values.dispose();
    }
    this.#memory[row] = [];
  }

  [Symbol.dispose](): void {
    for (const row of this.#memory.keys()) this.#forget(row);
  }
}
