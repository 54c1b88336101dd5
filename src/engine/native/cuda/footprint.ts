/**
 * What a card's memory holds beside the planned buffers, part by part, and what those take with the gaps that the driver leaves.
 *
 * Everything here follows from tables of this engine but CONTEXT_BYTES, which no library tells before it has happened.
 */
import type { Architecture } from "../../../model/architecture.js";
import type { BatchSize, MemoryPart } from "../../../model/costs.js";
import { DTYPE_BYTES, type Float } from "../device.js";
import type { CardMemory } from "./cards.js";
import { addBiasBackwardScratch } from "./kernels/add-bias.js";
import { embedBackwardScratch } from "./kernels/embed.js";
import { rmsNormBackwardScratch } from "./kernels/rms-norm.js";
import { SQUARED_NORM_SCRATCH } from "./kernels/squared-norm.js";
import { workspaceBytes } from "./runtime/matmul.js";
import { alignedBytes } from "./runtime/memory.js";
import { STAGING_BYTES } from "./runtime/staging.js";

/**
 * The driver's context (its kernels, stacks, heaps) and what is loaded into it: our kernels, those of cuBLASLt that are used, graphs.
 * `nvidia-smi` shows 420 to 530 MiB for processes that have done no more than open an A100, an RTX 4090 or an H100; the rest is an allowance
 * for modules and graphs. To be measured on a card: peak use of `bench` less the other parts.
 */
export const CONTEXT_BYTES = 640 << 20;

/** The driver gives memory in pages of this size (`cuMemGetAllocationGranularity`); small allocations share one. */
const PAGE = 2 << 20;

/** What a prediction needs to know of a card. */
export interface PlannedCard extends Pick<CardMemory, "computeCapability"> {
  /** Bytes that memory is given in. */
  readonly page?: number;
}

/** Bytes of the card that a table of buffers takes, from one call of `Device.allocate`. */
export function tableBytes(buffers: readonly number[], { page = PAGE }: PlannedCard): number {
  const bytes = buffers.reduce((sum, each) => sum + alignedBytes(each), 0);
  return Math.ceil(bytes / page) * page;
}

export interface CardWork {
  readonly architecture: Architecture;
  /** Micro-batches that are trained on, one program for each size. */
  readonly training: readonly BatchSize[];
  readonly evaluation: readonly BatchSize[];
  /** Of activations, and of gradients. */
  readonly float: Float;
  /** Rows of logits at a time, at most. */
  readonly logitRows: number;
}

/** What is on the card beside planned buffers. */
export function cardOverhead(work: CardWork, card: PlannedCard): MemoryPart[] {
  return [
    { name: "scratch of operations", bytes: tableBytes(scratchOfPrograms(work), card) },
    { name: "workspace of products", bytes: tableBytes([workspaceBytes(card.computeCapability)], card) },
    { name: "products on trial", bytes: tableBytes([largestOutput(work)], card) },
    { name: "context and modules", bytes: CONTEXT_BYTES },
  ];
}

/** Pinned memory of this machine. */
export function pinnedMemory(): MemoryPart[] {
  return [{ name: "pinned staging", bytes: STAGING_BYTES }];
}

/** Every recorded program has scratch of its own, as much as its neediest operation; a pass without gradients needs none. */
function scratchOfPrograms({ architecture, training }: CardWork): number[] {
  if (training.length === 0) return [];
  const sizes = new Map(training.map((batch) => [`${batch.rows}x${batch.length}`, batch]));
  return [...[...sizes.values()].map((batch) => scratchOfPass(architecture, batch)), SQUARED_NORM_SCRATCH];
}

/** As `scratchBytes` of works.ts, over the operations of a training pass. */
function scratchOfPass({ width, heads, kvHeads, headWidth, qkNorm, qkvBias }: Architecture, batch: BatchSize): number {
  const N = batch.rows * batch.length;
  return Math.max(
    embedBackwardScratch(N),
    rmsNormBackwardScratch({ N, C: width }),
    qkNorm ? rmsNormBackwardScratch({ N: N * heads, C: headWidth }) : 0,
    qkvBias ? addBiasBackwardScratch({ N, C: (heads + 2 * kvHeads) * headWidth }) : 0,
  );
}

/**
 * Before its first run every product is tried once (`runtime/matmul.ts`), onto memory that exists only meanwhile: as much as the largest
 * output. Without it a run would go on, but with algorithms that nobody timed.
 */
function largestOutput({ architecture, training, evaluation, float, logitRows }: CardWork): number {
  const { width, heads, kvHeads, headWidth, feedForward, vocabulary } = architecture;
  const N = Math.max(0, ...[...training, ...evaluation].map(({ rows, length }) => rows * length));
  const columns = Math.max(width, 2 * feedForward, (heads + 2 * kvHeads) * headWidth);
  const logits = Math.min(N, logitRows) * vocabulary;
  const gradient = training.length === 0 ? 0 : width * Math.max(vocabulary, columns);
  return DTYPE_BYTES[float] * Math.max(N * columns, logits, gradient);
}
