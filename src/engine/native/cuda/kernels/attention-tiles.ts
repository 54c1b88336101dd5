/**
 * Tiles of the attention kernels. Accumulators decide what a warp may own (a lane has 255 registers): 32 rows of a head up to 128 wide
 * forwards, 16 rows of two gradients at once. Of the tiles whose registers fit, the one is chosen that keeps most warps of a multiprocessor
 * busy, up to the 8 that registers allow.
 *
 * The lists were settled with `nvcc -Xptxas -v`: none spills on compute capability 8.0, 9.0 or 10.0. No card has timed them yet.
 */
import type { AttentionShape } from "../../device.js";
import type { Card } from "../runtime/card.js";
import { ceilDivide, type Storage } from "./access.js";

export type TiledKernel = "forward" | "queries" | "keys";

export interface Tile {
  readonly blockQ: number;
  readonly blockK: number;
  readonly warps: number;
  /** Of the ring that tiles pass through. */
  readonly stages: number;
  /** Rows, of queries or keys, that a block owns: `blockQ` or `blockK`. */
  readonly owned: number;
  readonly sharedBytes: number;
}

/** Rows that a block of the float32 kernels owns; 4 threads have one. */
export const PLAIN_ROWS = 32;

/** Registers of a multiprocessor hold this many warps of 255 each. */
const RESIDENT_WARPS = 8;
/** What the driver keeps of the shared memory for each block. */
const RESERVED_BYTES = 1024;

type Candidate = readonly [blockQ: number, blockK: number, warps: number, stages: number];

/** By the widest head they are for; earlier ones are better where they keep as many warps busy. */
const CANDIDATES: Readonly<Record<TiledKernel, readonly (readonly [width: number, tiles: readonly Candidate[]])[]>> = {
  forward: [
    [128, [[128, 64, 4, 3], [128, 64, 4, 2], [64, 64, 4, 2], [128, 64, 8, 3], [128, 64, 8, 2]]], // biome-ignore format: a table
    [
      256,
      [
        [64, 32, 4, 3],
        [64, 32, 4, 2],
      ],
    ],
  ],
  queries: [
    [
      64,
      [
        [128, 64, 4, 2],
        [128, 32, 4, 2],
        [64, 64, 4, 2],
        [128, 32, 8, 2],
      ],
    ],
    [
      128,
      [
        [128, 32, 4, 3],
        [64, 64, 4, 2],
        [128, 32, 8, 3],
        [128, 32, 8, 2],
      ],
    ],
    [
      256,
      [
        [64, 32, 4, 2],
        [64, 16, 4, 2],
      ],
    ],
  ],
  keys: [
    [
      64,
      [
        [32, 128, 4, 2],
        [32, 64, 4, 2],
      ],
    ],
    [
      128,
      [
        [64, 64, 4, 2],
        [32, 64, 4, 2],
        [16, 128, 8, 2],
      ],
    ],
    [
      256,
      [
        [32, 64, 4, 2],
        [16, 32, 2, 2],
      ],
    ],
  ],
};

/** A head's width in shared memory. */
export function paddedWidth(D: number): number {
  return ceilDivide(D, 16) * 16;
}

export function tileThreads(storage: Storage, tile: Tile): number {
  return storage === "f32" ? PLAIN_ROWS * 4 : tile.warps * 32;
}

/** The tile of a kernel for a shape on a card; the same for equal arguments, so results have equal bits. */
export function chooseTile(kernel: TiledKernel, storage: Storage, shape: AttentionShape, card: Card): Tile {
  if (storage === "f32") return plainTile(kernel, shape.D);
  const tiles = tilesFor(kernel, shape.D).filter((tile) => tile.sharedBytes <= card.sharedBytesPerBlock);
  const [first] = tiles;
  if (first === undefined)
    throw new Error(
      `attention: no tile for heads ${shape.D} wide fits ${card.sharedBytesPerBlock} bytes of shared memory`,
    );
  const busy = (tile: Tile): number => busyWarps(tile, kernel === "keys" ? shape.K : shape.H, shape, card);
  return tiles.reduce((best, tile) => (busy(tile) > busy(best) ? tile : best), first);
}

/** All tiles of a kernel for a width of heads, best first. */
export function tilesFor(kernel: TiledKernel, D: number): Tile[] {
  const candidates = CANDIDATES[kernel].find(([width]) => D <= width)?.[1] ?? [];
  return candidates.map(([blockQ, blockK, warps, stages]) => {
    const sharedBytes = sharedBytesOf(kernel, D, { blockQ, blockK, stages });
    return { blockQ, blockK, warps, stages, owned: kernel === "keys" ? blockK : blockQ, sharedBytes };
  });
}

/** As laid out in the kernels: rows of bf16 with 16 bytes more; the keys' kernel keeps lse, dots and starts beside each query. */
function sharedBytesOf(
  kernel: TiledKernel,
  D: number,
  { blockQ, blockK, stages }: Pick<Tile, "blockQ" | "blockK" | "stages">,
) {
  const row = (paddedWidth(D) + 8) * 2;
  switch (kernel) {
    case "forward":
      return (blockQ + stages * blockK) * row;
    case "queries":
      return (2 * blockQ + stages * blockK) * row;
    case "keys":
      return 2 * blockK * row + stages * blockQ * (2 * row + 12);
  }
}

/** Warps that a multiprocessor has at a time, on average where there are too few blocks. */
function busyWarps({ owned, warps, sharedBytes }: Tile, heads: number, { B, T }: AttentionShape, card: Card): number {
  const perMultiprocessor = card.sharedBytesPerBlock + RESERVED_BYTES;
  const resident = warps * Math.floor(perMultiprocessor / (sharedBytes + RESERVED_BYTES));
  const blocks = heads * B * ceilDivide(T, owned);
  return Math.min(RESIDENT_WARPS, resident, (warps * blocks) / card.multiprocessors);
}

/** Float32: rows of 4 bytes a value with 16 more; two tiles of each kind, the forward has no dOut. */
function plainTile(kernel: TiledKernel, D: number): Tile {
  const block = D <= 128 ? 32 : 16;
  const row = (paddedWidth(D) + 4) * 4;
  const sharedBytes = ((kernel === "forward" ? 1 : 2) * PLAIN_ROWS + 2 * block) * row;
  return { blockQ: PLAIN_ROWS, blockK: block, warps: PLAIN_ROWS / 8, stages: 1, owned: PLAIN_ROWS, sharedBytes };
}
