/** The replaced wasm kernels against plain loops, for every way of transposing, and their memory. */
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { randomNormal } from "../../../src/base/random.js";
import { openBackend } from "../../../src/engine/tfjs/backend.js";
import { distance } from "../tolerance.js";

beforeAll(async () => (await openBackend("tfjs-wasm")).use());

interface Product {
  readonly batch: readonly number[];
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

const PRODUCTS: readonly Product[] = [
  { batch: [], rows: 5, inner: 7, columns: 3 },
  { batch: [], rows: 64, inner: 3, columns: 2 },
  { batch: [], rows: 1, inner: 1, columns: 1 },
  { batch: [4], rows: 6, inner: 5, columns: 9 },
  { batch: [2, 3], rows: 17, inner: 4, columns: 17 },
  { batch: [1], rows: 3, inner: 8, columns: 2 },
];

function values(count: number, stream: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => randomNormal(1, stream, index));
}

function loops(
  { batch, rows, inner, columns }: Product,
  a: Float32Array,
  b: Float32Array,
  turned: readonly [boolean, boolean],
  round: (x: number) => number,
): number[] {
  const stacks = batch.reduce((product, extent) => product * extent, 1);
  return Array.from({ length: stacks * rows * columns }, (_, index) => {
    const stack = Math.floor(index / (rows * columns));
    const row = Math.floor(index / columns) % rows;
    const column = index % columns;
    let total = 0;
    for (let k = 0; k < inner; k++) {
      const left = a[stack * rows * inner + (turned[0] ? k * rows + row : row * inner + k)] as number;
      const right = b[stack * inner * columns + (turned[1] ? column * inner + k : k * columns + column)] as number;
      total = round(total + round(left * right));
    }
    return total;
  });
}

describe("BatchMatMul on wasm", () => {
  const turns = [false, true].flatMap((a) => [false, true].map((b) => [a, b] as const));
  it.each(PRODUCTS.flatMap((product) => turns.map((turned) => ({ ...product, turned }))))(
    "$batch × $rows × $inner × $columns, transposed $turned",
    (product) => {
      const { batch, rows, inner, columns, turned } = product;
      const stacks = batch.reduce((count, extent) => count * extent, 1);
      const [a, b] = [values(stacks * rows * inner, 1), values(stacks * inner * columns, 2)];
      const before = tf.memory();
      const result = tf.tidy(() => {
        const left = tf.tensor(a, [...batch, ...(turned[0] ? [inner, rows] : [rows, inner])]);
        const right = tf.tensor(b, [...batch, ...(turned[1] ? [columns, inner] : [inner, columns])]);
        return tf.matMul(left, right, ...turned);
      });
      expect(result.shape).toEqual([...batch, rows, columns]);
      const exact = loops(product, a, b, turned, (x) => x);
      const plain = loops(product, a, b, turned, Math.fround);
      expect(distance(result.dataSync(), exact)).toBeLessThanOrEqual(2 * distance(plain, exact));
      result.dispose();
      expect(tf.memory()).toEqual(before);
    },
  );

  it("still broadcasts a single matrix over a batch", () => {
    const result = tf.tidy(() =>
      tf
        .matMul(
          tf.ones([3, 2, 2]),
          tf.tensor([
            [
              [1, 2],
              [3, 4],
            ],
          ]),
        )
        .arraySync(),
    );
    expect(result).toEqual(
      [0, 1, 2].map(() => [
        [4, 6],
        [4, 6],
      ]),
    );
  });
});

describe("Identity on wasm", () => {
  it("shares memory and outlives the original", () => {
    const before = tf.memory().numDataBuffers;
    const original = tf.tensor1d([1, 2, 3]);
    const copy = original.clone();
    expect(tf.memory().numDataBuffers).toBe(before + 1);
    original.dispose();
    expect([...copy.dataSync()]).toEqual([1, 2, 3]);
    copy.dispose();
    expect(tf.memory().numDataBuffers).toBe(before);
  });
});
