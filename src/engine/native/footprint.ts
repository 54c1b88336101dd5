/**
 * What a process holds at its peak when it computes a workload on the native CPU engine, beside what it held before: a list to be added up.
 *
 * Everything but the last part follows from the plan. Weights on their way into the engine are gone before it first trains; a checkpoint is
 * copied out of it while it holds everything else.
 */
import type { MemoryPart, Workload } from "../../model/costs.js";
import { countParameters, parameterTable } from "../../model/parameters.js";
import type { Recomputation } from "./activations.js";
import { type KernelMachine, kernelScratch } from "./cpu/scratch.js";
import { peakMemory } from "./memory.js";

/** Bytes of a token in a batch: input, target, start of its document, mask. */
const TOKEN_BYTES = 4 + 4 + 4 + 1;
/**
 * Threads, recorded programs, what JavaScript's heap grows by over the steps, less what a collection after loading gives back. Measured with
 * Node 20 on peaks of 120 to 820 MiB: between −10 and +5 MiB.
 */
const RUNNING = 2 ** 21;

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
    // Weights and both moments, in float32.
    { name: "checkpoint on its way out", bytes: checkpoints ? 3 * 4 * countParameters(table) : 0 },
    { name: "batches ahead", bytes: TOKEN_BYTES * tokensAhead },
    { name: "threads and programs", bytes: RUNNING },
  ];
}
