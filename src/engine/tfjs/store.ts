/** The tensors of a model, by kind and name: weights, moments, accumulated gradients. Owns their memory. */
import * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../../base/dims.js";
import type { Parameter } from "../../model/parameters.js";
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

  /** Copies of all tensors of a kind in the table's order; absent ones (gradients before any batch) are zero. */
  async snapshot(kind: TensorKind): Promise<EngineTensor[]> {
    return Promise.all(
      this.#table.map(async ({ name, shape }) => {
        const tensor = this.#tensors.get(keyOf(kind, name));
        const data = tensor === undefined ? new Float32Array(sizeOf(shape)) : Float32Array.from(await tensor.data());
        return { name, kind, shape, data };
      }),
    );
  }

  [Symbol.dispose](): void {
    for (const kind of KINDS) this.clear(kind);
  }
}

function keyOf(kind: TensorKind, name: string): string {
  return `${kind} ${name}`;
}
