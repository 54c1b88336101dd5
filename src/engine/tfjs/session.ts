/** Decoding one sequence with the keys and values of all earlier tokens kept. */
import * as tf from "@tensorflow/tfjs-core";
import type { Architecture } from "../../model/architecture.js";
import { EMBEDDING } from "../../model/parameters.js";
import { rotaryFrequencies } from "../../model/rope.js";
import type { DecodingSession } from "../engine.js";
import { checkTokens } from "../seam.js";
import type { Backend } from "./backend.js";
import { hiddenStates, type KeysAndValues, type Weights } from "./decoder.js";
import { layoutOf } from "./layout.js";

export class TfjsSession implements DecodingSession {
  readonly #architecture: Architecture;
  readonly #weights: Weights;
  readonly #backend: Backend;
  readonly #maxLength: number;
  readonly #frequencies: Float64Array;
  /** By layer. */
  #memory: KeysAndValues[] = [];
  #length = 0;

  constructor(architecture: Architecture, weights: Weights, backend: Backend, maxLength: number) {
    this.#architecture = architecture;
    this.#weights = weights;
    this.#backend = backend;
    this.#maxLength = maxLength;
    this.#frequencies = rotaryFrequencies(architecture);
  }

  /** @throws RangeError when nothing is fed, a token is outside the vocabulary or the session would grow beyond its length. */
  async feed(tokens: readonly number[]): Promise<Float32Array> {
    this.#check(tokens);
    this.#backend.use();
    const fresh: KeysAndValues[] = [];
    const logits = tf.tidy(() => {
      const result = this.#forward(tokens, fresh);
      for (const { keys, values } of fresh) {
        tf.keep(keys);
        tf.keep(values);
      }
      return result;
    });
    this.#forget();
    this.#memory = fresh;
    this.#length += tokens.length;
    try {
      return Float32Array.from(await logits.data());
    } finally {
      logits.dispose();
    }
  }

  #check(tokens: readonly number[]): void {
    const { vocabulary } = this.#architecture;
    if (tokens.length === 0) throw new RangeError("feed needs at least one token");
    if (this.#length + tokens.length > this.#maxLength)
      throw new RangeError(`the session holds ${this.#maxLength} tokens, ${this.#length + tokens.length} were fed`);
    checkTokens(tokens, vocabulary);
  }

  /** Logits after the last token, [1, V]; fills `fresh` with every layer's grown memory. */
  #forward(tokens: readonly number[], fresh: KeysAndValues[]): tf.Tensor2D {
    const { tied } = this.#architecture;
    const extent = { rows: 1, queries: tokens.length, keys: this.#length + tokens.length };
    const layout = layoutOf(this.#architecture, this.#frequencies, extent, new Int32Array(tokens.length));
    const embedded = tf.gather(this.#weights(EMBEDDING), tf.tensor1d([...tokens], "int32")) as tf.Tensor2D;
    const hidden = hiddenStates(this.#architecture, this.#weights, layout, embedded, (layer, { keys, values }) => {
      const past = this.#memory[layer];
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

  #forget(): void {
    for (const { keys, values } of this.#memory) {
      keys.dispose();
      values.dispose();
    }
    this.#memory = [];
  }

  [Symbol.dispose](): void {
    this.#forget();
  }
}
