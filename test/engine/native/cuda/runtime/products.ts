/**
 * Products of small whole numbers: every sum stays below 257 in magnitude, so float32 and bf16 hold it exactly, in whatever order it is
 * added. A result is right or wrong; there is no tolerance.
 */
import { random32 } from "../../../../../src/base/random.js";
import type { Product } from "../../../../../src/engine/native/cuda/runtime/launch.js";

export type Shape = Omit<Product, "kind" | "out" | "a" | "b" | "plus">;
export type Plus = "nothing" | "another" | "out";

/** Longest sum whose magnitude stays below 257 with factors from −4 to 4 and one more added. */
const LONGEST = 15;

/** All transposes, types and ways to add, at sizes that share no factor. */
export function everyCase(): { readonly shape: Shape; readonly plus: Plus; readonly title: string }[] {
  const sizes = [
    { m: 1, n: 1, k: 1 },
    { m: 3, n: 7, k: 5 },
    { m: 8, n: 1, k: 13 },
    { m: 17, n: 16, k: LONGEST },
  ];
  const types = [
    { inputType: "f32", outputType: "f32" },
    { inputType: "bf16", outputType: "bf16" },
    { inputType: "bf16", outputType: "f32" },
  ] as const;
  const booleans = [false, true];
  return sizes.flatMap((size) =>
    types.flatMap((type) =>
      booleans.flatMap((transposeA) =>
        booleans.flatMap((transposeB) =>
          (["nothing", "another", "out"] as const).map((plus) => ({
            shape: { ...size, ...type, transposeA, transposeB },
            plus,
            title: `${size.m}x${size.n}x${size.k} ${type.inputType}>${type.outputType} ${transposeA} ${transposeB} plus ${plus}`,
          })),
        ),
      ),
    ),
  );
}

/** Operands as they lie in memory, row-major, transposed ones as such. */
export interface Operands {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly plus: readonly number[];
}

export function operandsOf({ m, n, k }: Shape, seed: number): Operands {
  const values = (stream: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => (random32(seed, stream, index) % 9) - 4);
  return { a: values(1, m * k), b: values(2, k * n), plus: values(3, m * n) };
}

/** out[row, column], by the definition. */
export function expectedOf(
  { m, n, k, transposeA, transposeB }: Shape,
  { a, b, plus }: Operands,
  add: boolean,
): number[] {
  return Array.from({ length: m * n }, (_, index) => {
    const [row, column] = [Math.floor(index / n), index % n];
    let sum = add ? plus[index] : 0;
    for (let i = 0; i < k; i++)
      sum += (transposeA ? a[i * m + row] : a[row * k + i]) * (transposeB ? b[column * k + i] : b[i * n + column]);
    return sum;
  });
}
