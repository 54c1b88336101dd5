/** Matrix products for every transposition, alone and on top of something, at sizes that no block divides. */
import { it } from "vitest";
import { processorIdentity } from "../../../../src/engine/native/cpu/host.js";
import { describeKernels, expectLikePlain, type KernelDevices, normal } from "./kernel-devices.js";

const SIZES: readonly (readonly [M: number, N: number, K: number])[] = [
  [1, 1, 1],
  [1, 17, 257],
  [17, 1, 3],
  [5, 7, 3],
  [2, 1031, 2],
  [33, 16, 1],
  [64, 64, 64],
  [65, 33, 129],
  [257, 40, 8],
];
/** Beyond one block of rows, of columns and of the sum in any of the kernel's layouts. */
const LARGE: readonly (readonly [M: number, N: number, K: number])[] = [
  [90, 34, 400],
  [30, 720, 41],
  [173, 33, 42],
];
const LARGEST = [90, 710, 390] as const;

const MODES = [false, true].flatMap((transposeA) =>
  [false, true].flatMap((transposeB) =>
    (["nothing", "out", "other"] as const).map((plus) => ({ transposeA, transposeB, plus })),
  ),
);

function products(devices: KernelDevices): void {
  const of = ([M, N, K]: readonly [number, number, number], mode: (typeof MODES)[number]) => ({ M, N, K, ...mode });
  const cases = [
    ...[...SIZES, ...LARGE].flatMap((size) => MODES.map((mode) => of(size, mode))),
    of(LARGEST, { transposeA: false, transposeB: true, plus: "out" }),
  ];
  it.each(cases)("[$M, $N] over $K, transposeA $transposeA, transposeB $transposeB, plus $plus", async (one) => {
    const { M, N, K, transposeA, transposeB, plus } = one;
    await expectLikePlain(devices, {
      shapes: { out: [M, N], other: [M, N], a: transposeA ? [K, M] : [M, K], b: transposeB ? [N, K] : [K, N] },
      inputs: {
        a: normal(M * K),
        b: normal(K * N),
        other: normal(M * N),
        ...(plus === "out" ? { out: normal(M * N) } : {}),
      },
      looseRuns: M * N * K > 1e5 ? 1 : 4,
      program: (operations, get) =>
        operations.matmul(get("out"), get("a"), get("b"), {
          transposeA,
          transposeB,
          ...(plus === "nothing" ? {} : { plus: get(plus) }),
        }),
    });
  });
}

describeKernels("matmul", products);

/** Processors without a tile unit multiply vectors: the same cases, where this one has the unit and so would not meet them. */
const hasTileUnit = /\bamx_bf16\b/.test(processorIdentity());
if (hasTileUnit) describeKernels("matmul without the tile unit", products, ["-mno-amx-bf16"]);
