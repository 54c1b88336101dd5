/**
 * What a process holds at its peak when it computes a workload on the native CPU engine, beside what it held before: a list to be added up.
 *
 * Weights on their way into the engine are collected before it first trains; a checkpoint is copied out of it while it holds everything else.
 * Left out is what no plan knows: threads, recorded programs, and what JavaScript's heap grows by over the steps, less what is collected of
 * what it held before. Together that is −10 to +15 MiB, measured with Node 20 on peaks of 120 MiB to 1.2 GiB.
 */
import { sizeOf } from "../../base/dims.js";
import type { MemoryPart, Workload } from "../../model/costs.js";
import { countParameters, type Parameter, parameterTable } from "../../model/parameters.js";
import type { Recomputation } from "./activations.js";
import { type KernelMachine, kernelScratch } from "./cpu/scratch.js";
import { peakMemory } from "./memory.js";

const FLOAT = 4;
const LARGEST_THRESHOLD = 2 ** 25;
/** Bytes of a token in a batch: input, target, start of its document, mask. */
const TOKEN_BYTES = 4 + 4 + 4 + 1;

/** The parts, those of the model first. */
export function cpuFootprint(workload: Workload, recomputation: Recomputation, machine: KernelMachine): MemoryPart[] {
  const { architecture, training, evaluation, checkpoints, tokensAhead } = workload;
  const table = parameterTable(architecture);
  const passes = [
    ...training.map((batch) => ({ batch, kind: recomputation })),
    ...evaluation.map((batch) => ({ batch, kind: "evaluation" as const })),
  ];
  const { weights, gradients, moments, activations } = peakMemory(architecture, passes, table);
  return [
    { name: "weights", bytes: weights },
    { name: "gradients", bytes: gradients },
    { name: "moments", bytes: moments },
    { name: "activations", bytes: activations },
    ...kernelScratch(architecture, training, machine),
    checkpoints
      ? // Weights and both moments, in float32.
        { name: "checkpoint on its way out", bytes: 3 * FLOAT * countParameters(table) }
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
