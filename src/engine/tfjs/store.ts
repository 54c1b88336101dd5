/** The tensors of a model, by kind and name: weights, moments, accumulated gradients. Owns their memory. */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import type { Parameter } from "../../model/parameters.js";
import type { CopyOut } from "../copy-out.js";
import type { EngineTensor, TensorKind, TensorSource } from "../engine.js";
import { checkedTensors, gathered } from "../seam.js";

const KINDS: readonly TensorKind[] = ["weight", "moment1", "moment2", "gradient"];

export class TensorStore implements Disposable {
  readonly #table: readonly Parameter[];
  readonly #tensors = new Map<string, tf.Tensor>();

  constructor(table: readonly Parameter[]) {
    this.#table = table;
  }

  /** The tensor; absent only while it has never been set. @throws Error when it is absent. */
  get(kind: TensorKind, name: string): tf.Tensor {
    const tensor = this.#tensors.get(keyOf(kind, name));
    if (tensor === undefined) throw new Error(`there is no ${kind} of ${name} yet`);
    return tensor;
  }

  /** Takes `tensor` over and frees the one it replaces. */
  set(kind: TensorKind, name: string, tensor: tf.Tensor): void {
    this.#tensors.get(keyOf(kind, name))?.dispose();
    this.#tensors.set(keyOf(kind, name), tensor);
  }

  has(kind: TensorKind, name: string): boolean {
    return this.#tensors.has(keyOf(kind, name));
  }

  /** Adds to a tensor, taking `tensor` over. */
  add(kind: TensorKind, name: string, tensor: tf.Tensor): void {
    const sum = this.has(kind, name) ? tf.add(this.get(kind, name), tensor) : tensor;
    if (sum !== tensor) tensor.dispose();
    this.set(kind, name, sum);
  }

  /** Frees every tensor of a kind. */
  clear(kind: TensorKind): void {
    for (const { name } of this.#table) {
      this.#tensors.get(keyOf(kind, name))?.dispose();
      this.#tensors.delete(keyOf(kind, name));
    }
  }

  /**
   * Replaces everything: all weights must be given, absent moments become zero, gradients are cleared.
   * @param use selects the backend, which others may have changed while values were read.
   * @throws Error as `Engine.load`.
   */
  async load(tensors: Iterable<EngineTensor | TensorSource>, use: () => void): Promise<void> {
    const given = checkedTensors(this.#table, tensors);
    for (const kind of KINDS) this.clear(kind);
    for (const tensor of given) {
      // tfjs takes a tensor at once; its cpu backend keeps the array that it is given.
      const values = await gathered(tensor);
      use();
      this.set(tensor.kind, tensor.name, tf.tensor(values, [...tensor.shape], "float32"));
    }
    for (const { name, shape } of this.#table)
      for (const kind of ["moment1", "moment2"] as const)
        if (!this.has(kind, name)) this.set(kind, name, tf.zeros([...shape]));
  }

  /**
   * Fills a copy with the tensors as they are when this is called; absent ones (gradients before any batch) are zero.
   * @param use selects the backend, which others may change meanwhile.
   */
  async copyTo(copy: CopyOut, use: () => void): Promise<void> {
    // A clone shares its memory, and keeps it when the tensor is replaced.
    const clones = new Map<string, tf.Tensor>();
    for (const { kind, name } of copy.tensors)
      if (this.has(kind, name)) clones.set(keyOf(kind, name), tf.clone(this.get(kind, name)));
    try {
      await copy.fill(async ({ kind, name, start }, into) => {
        await nextTurn();
        const tensor = clones.get(keyOf(kind, name));
        if (tensor === undefined) return void into.fill(0);
        use();
        const part = tf.tidy(() => tf.slice(tf.reshape(tensor, [-1]), [start], [into.length]));
        try {
          into.set(await part.data());
        } finally {
          part.dispose();
        }
      });
    } finally {
      for (const clone of clones.values()) clone.dispose();
    }
  }

  [Symbol.dispose](): void {
    for (const kind of KINDS) this.clear(kind);
  }
}

function keyOf(kind: TensorKind, name: string): string {
  return `${kind} ${name}`;
}
