/** What a process will hold at its peak, before it computes: from the engine's own tables where it plans its memory. */
import type { Recomputation } from "../engine/native/activations.js";
import { chooseRecomputation, type RecomputationChoice } from "../engine/native/recomputation.js";
import { plannedParts } from "../engine/select.js";
import { type MemoryPart, memoryEstimate, totalBytes, type Workload } from "../model/costs.js";
import { attainableBytes, residentBytes } from "./memory.js";

/** What an engine that plans its memory may take, and what it is to compute again; a plan's `engine` section is one. */
export interface MemoryRequest {
  readonly recomputation: "auto" | Recomputation;
  /** Bytes; null: what the machine has free. */
  readonly memory: number | null;
}

/** What there is on this machine, now. */
export interface Machine {
  /** Of this process, before the engine is open. */
  readonly processBytes: number;
  readonly attainableBytes: number;
}

export interface PeakPrediction {
  /** Its name. */
  readonly engine: string;
  /** `engine`: the engine plans its memory; `formula`: `memoryEstimate` of `model/costs.ts` stands for those that do not. */
  readonly predictedBy: "engine" | "formula";
  readonly parts: readonly MemoryPart[];
  /** Bytes of the whole process: the sum of the parts. */
  readonly total: number;
  /** Null for an engine that leaves no choice. */
  readonly choice: RecomputationChoice | null;
}

/** This process, now. */
export function thisMachine(): Machine {
  return { processBytes: residentBytes(), attainableBytes: attainableBytes() };
}

export function predictPeak(
  engine: string,
  workload: Workload,
  { recomputation: asked, memory }: MemoryRequest,
  machine: Machine = thisMachine(),
): PeakPrediction {
  const before = { name: "process without a model", bytes: machine.processBytes };
  const partsOf = plannedParts(engine, workload);
  if (partsOf === null) {
    const parts = [before, ...formulaParts(workload)];
    return { engine, predictedBy: "formula", parts, total: totalBytes(parts), choice: null };
  }
  const limited =
    memory === null
      ? { limit: machine.attainableBytes, limitedBy: "what is free, less 5 %" }
      : { limit: memory, limitedBy: "engine.memory" };
  const choice = chooseRecomputation((mode) => before.bytes + totalBytes(partsOf(mode)), { asked, ...limited });
  const parts = [before, ...partsOf(choice.recomputation)];
  return { engine, predictedBy: "engine", parts, total: totalBytes(parts), choice };
}

/** The formula at the micro-batch that takes most. */
function formulaParts({ architecture, training }: Workload): MemoryPart[] {
  const { total: _, ...largest } = training
    .map((batch) => memoryEstimate(architecture, batch))
    .reduce((one, other) => (other.total > one.total ? other : one));
  return Object.entries(largest).map(([name, bytes]) => ({ name, bytes }));
}
