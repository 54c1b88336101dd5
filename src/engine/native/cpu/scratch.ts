/**
 * What the kernels keep for themselves beside the planned buffers, part by part: upper bounds, from the same sizes as the C files beside
 * this one, which name what they take. They keep it from one call to the next, so the largest batch counts.
 *
 *     packed panels     matmul*.c: two blocks of b for each column of a grid of threads (at most each thread), some panels of a for each
 *     attention tiles   attention.c, attention_backward.c: thread_scratch
 *     partial sums      attention_backward.c where few heads are shared by many tasks; elementwise.c, rmsnorm.c: shared_scratch
 */
import type { Architecture } from "../../../model/architecture.js";
import type { BatchSize, MemoryPart } from "../../../model/costs.js";
import { processorIdentity } from "./host.js";

const FLOAT = 4;
/** memory.c: from here on memory comes in huge pages. */
const HUGE_FROM = 2 ** 20;
const HUGE_PAGE = 2 ** 21;
/** scratch.h: ROW_PARTS. */
const ROW_PARTS = 64;
/** attention_tile.h: vectors of a tile of queries, and keys of a block. */
const TILE_VECTORS = 4;
const BLOCK = 64;
/** attention_backward.c: TASKS. */
const TASKS = 32;

/** What the kernels are compiled to on a kind of processor. */
interface Unit {
  readonly flags: RegExp;
  /** Floats of a vector: VL of vector.h. */
  readonly lanes: number;
  /** Bytes that one thread packs of a, and of a block of b: a_panels · depth · a_step and b_block of `tiles_t`. */
  readonly a: number;
  readonly b: number;
}

/** The first that fits, as in matmul_amx.c, matmul_vector.c and vector.h. */
const UNITS: readonly Unit[] = [
  { flags: /^(?=.*\bavx512_bf16\b)(?=.*\bamx_bf16\b)/m, lanes: 16, a: 4 * 256 * 192, b: 704 * 256 * 6 },
  { flags: /\bavx512f\b/, lanes: 16, a: 6 * 384 * 16 * FLOAT, b: 704 * 384 * FLOAT },
  { flags: /\bavx\b/, lanes: 8, a: 12 * 256 * 8 * FLOAT, b: 256 * 256 * FLOAT },
  { flags: /\basimd\b|\barm64\b/, lanes: 4, a: 8 * 256 * 8 * FLOAT, b: 252 * 256 * FLOAT },
  { flags: /^/, lanes: 4, a: 12 * 256 * 8 * FLOAT, b: 128 * 256 * FLOAT },
];

export interface KernelMachine {
  readonly threads: number;
  /** As `processorIdentity`. */
  readonly processor?: string;
}

/** Bytes that the kernels keep once they have trained on batches of these sizes; evaluation takes no more. */
export function kernelScratch(
  architecture: Architecture,
  training: readonly BatchSize[],
  { threads, processor = processorIdentity() }: KernelMachine,
): MemoryPart[] {
  const { lanes, a, b } = UNITS.find(({ flags }) => flags.test(processor)) ?? UNITS[UNITS.length - 1];
  const attention = training.map((batch) => attentionScratch(architecture, batch, lanes));
  const forward = FLOAT * (2 * architecture.headWidth + BLOCK) * TILE_VECTORS * lanes;
  const columns = Math.max(
    architecture.width,
    (architecture.heads + 2 * architecture.kvHeads) * architecture.headWidth,
  );
  const rowSums = FLOAT * ROW_PARTS * columns;
  return [
    { name: "packed panels", bytes: slot(2 * b * threads) + slot(a * threads) },
    { name: "attention tiles", bytes: threads * slot(Math.max(forward, ...attention.map(({ tiles }) => tiles))) },
    { name: "partial sums", bytes: slot(Math.max(rowSums, ...attention.map(({ sums }) => sums))) },
  ];
}

/** Of each thread, and of all: op_attention_backward, which takes more than the forward pass. */
function attentionScratch({ heads, kvHeads, headWidth }: Architecture, { rows, length }: BatchSize, lanes: number) {
  const tile = TILE_VECTORS * lanes;
  const padded = Math.ceil(headWidth / lanes) * lanes;
  const tiles = (3 * headWidth + 2 * padded + 2 * BLOCK) * tile;
  const pairs = rows * kvHeads;
  const shares = Math.min(Math.ceil(TASKS / pairs), (heads / kvHeads) * Math.ceil(length / tile));
  const sums = 2 * length * padded;
  return shares > 1
    ? { tiles: FLOAT * tiles, sums: FLOAT * pairs * shares * sums }
    : { tiles: FLOAT * (tiles + sums), sums: 0 };
}

/** scratch_for of memory.c. */
function slot(bytes: number): number {
  const unit = bytes >= HUGE_FROM ? HUGE_PAGE : 1;
  return Math.ceil(bytes / unit) * unit;
}
