/**
 * What a process holds at its peak when it computes a workload on a native engine, beside what it held before, and what a card holds then:
 * lists to be added up.
 *
 * Weights on their way into the engine are collected before it first trains; a checkpoint is copied out of it while it holds everything else.
 * Left out is what no plan knows: threads, recorded programs, and what JavaScript's heap grows by over the steps, less what is collected of
 * what it held before. Together that is −10 to +15 MiB, measured with Node 20 on peaks of 120 MiB to 1.2 GiB.
 */
import { sizeOf } from "../../base/dims.js";
import { type MemoryPart, totalBytes, type Workload } from "../../model/costs.js";
import { countParameters, type Parameter, parameterTable } from "../../model/parameters.js";
import { LOGIT_BYTES, type Recomputation } from "./activations.js";
import { type KernelMachine, kernelScratch } from "./cpu/scratch.js";
import { cardOverhead, type PlannedCard, pinnedMemory, tableBytes } from "./cuda/footprint.js";
import { DTYPE_BYTES } from "./device.js";
import { type PlannedAllocation, type PlannedPass, peakMemory, plannedTables } from "./memory.js";
import { PRECISIONS, type PrecisionName } from "./precision.js";
import type { MemoryMode } from "./recomputation.js";

const FLOAT = 4;
const LARGEST_THRESHOLD = 2 ** 25;
/** Bytes of a token in a batch: input, target, start of its document, mask. */
const TOKEN_BYTES = 4 + 4 + 4 + 1;

/** The parts, those of the model first. */
export function cpuFootprint(workload: Workload, recomputation: Recomputation, machine: KernelMachine): MemoryPart[] {
  const table = parameterTable(workload.architecture);
  const memory = peakMemory(workload.architecture, passesOf(workload, recomputation), table);
  return [
    ...PARTS.map((name) => ({ name, bytes: memory[name] })),
    ...kernelScratch(workload.architecture, workload.training, machine),
    ...hostParts(workload, table, "fp32"),
  ];
}

export interface CardFootprint {
  /** Of the card's memory. */
  readonly card: readonly MemoryPart[];
  /** Of this machine's memory, beside what the process held before. */
  readonly host: readonly MemoryPart[];
}

/** The same on a card: its memory holds the model, the process what comes and goes. */
export function cudaFootprint(
  workload: Workload,
  { precision: name, recomputation }: MemoryMode,
  card: PlannedCard,
): CardFootprint {
  const { architecture, training, evaluation } = workload;
  const table = parameterTable(architecture);
  const precision = PRECISIONS[name];
  const numbers = { precision, logitBytes: LOGIT_BYTES.card };
  const tables = plannedTables(architecture, passesOf(workload, recomputation), table, numbers);
  const taken = PARTS.map((part) => ({ name: part, bytes: bytesOf(tables.flat(), part) }));
  const whole = tables.reduce(
    (sum, buffers) =>
      sum +
      tableBytes(
        buffers.map(({ bytes }) => bytes),
        card,
      ),
    0,
  );
  const logitRows = LOGIT_BYTES.card / DTYPE_BYTES[precision.activations] / architecture.vocabulary;
  const work = { architecture, training, evaluation, float: precision.activations, logitRows: Math.ceil(logitRows) };
  return {
    card: [...taken, { name: "gaps between them", bytes: whole - totalBytes(taken) }, ...cardOverhead(work, card)],
    host: [...pinnedMemory(), ...hostParts(workload, table, name)],
  };
}

const PARTS = ["weights", "gradients", "moments", "activations"] as const;

function bytesOf(all: readonly PlannedAllocation[], wanted: PlannedAllocation["part"]): number {
  return all.filter(({ part }) => part === wanted).reduce((sum, { bytes }) => sum + bytes, 0);
}

function passesOf({ training, evaluation }: Workload, recomputation: Recomputation): PlannedPass[] {
  return [
    ...training.map((batch) => ({ batch, kind: recomputation })),
    ...evaluation.map((batch) => ({ batch, kind: "evaluation" as const })),
  ];
}

/** Bytes of a checkpoint's tensors: weights (the master where there is one) and both moments in the types that they are kept in. */
export function checkpointBytes(parameters: number, precision: PrecisionName): number {
  const { weights, master, moments } = PRECISIONS[precision];
  return parameters * (DTYPE_BYTES[master ? "f32" : weights] + 2 * DTYPE_BYTES[moments]);
}

/** What passes through the process. */
function hostParts(workload: Workload, table: readonly Parameter[], precision: PrecisionName): MemoryPart[] {
  const { checkpoints, copyAheadBytes = Number.POSITIVE_INFINITY, tokensAhead } = workload;
  const bytes = Math.min(copyAheadBytes, checkpointBytes(countParameters(table), precision));
  return [
    checkpoints
      ? { name: "checkpoint on its way out", bytes }
      : { name: "weights on their way in", bytes: keptAfterLoading(table) },
    { name: "batches ahead", bytes: TOKEN_BYTES * tokensAhead },
  ];
}

/**
 * What the C library keeps of the memory that weights came in, when no checkpoint needs it again: glibc gives the end of its heap back only
 * from twice the largest block on that it mapped and got back, of those up to 32 MiB (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD).
 */
function keptAfterLoading(table: readonly Parameter[]): number {
  const blocks = table.map(({ shape }) => FLOAT * sizeOf(shape)).filter((bytes) => bytes <= LARGEST_THRESHOLD);
  return Math.min(FLOAT * countParameters(table), 2 * Math.max(0, ...blocks));
}
