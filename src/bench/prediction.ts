/** What a process will hold at its peak, before it computes, or the card that it computes on: from the engine's own tables where it plans its memory. */
import type { Recomputation } from "../engine/native/activations.js";
import type { CardMemory } from "../engine/native/cuda/cards.js";
import { checkpointBytes } from "../engine/native/footprint.js";
import type { PrecisionName, PrecisionRequest } from "../engine/native/precision.js";
import { chooseRecomputation, type RecomputationChoice } from "../engine/native/recomputation.js";
import { type CardOptions, cardOf, plannedFootprint } from "../engine/select.js";
import { type MemoryPart, memoryEstimate, totalBytes, type Workload } from "../model/costs.js";
import { countParameters, parameterTable } from "../model/parameters.js";
import { attainableBytes, residentBytes } from "./memory.js";

/** What an engine that plans its memory may take, and what it is to compute again; a plan's `engine` section is one. */
export interface MemoryRequest extends CardOptions, Partial<PrecisionRequest> {
  readonly recomputation: "auto" | Recomputation;
  /** Bytes of the process, or of the card for an engine that computes on one; null: what is free. */
  readonly memory: number | null;
}

/** What there is on this machine, now. */
export interface Machine {
  /** Of this process, before the engine is open. */
  readonly processBytes: number;
  readonly attainableBytes: number;
  /** The card that the engine computes on; absent: looked for when it is needed. */
  readonly card?: CardMemory;
}

export interface PeakPrediction {
  /** Its name. */
  readonly engine: string;
  /** `engine`: the engine plans its memory; `formula`: `memoryEstimate` of `model/costs.ts` stands for those that do not. */
  readonly predictedBy: "engine" | "formula";
  readonly parts: readonly MemoryPart[];
  /** Bytes of the whole process, or of what it has on a card: the sum of the parts. */
  readonly total: number;
  /** Null for an engine that leaves no choice. */
  readonly choice: RecomputationChoice | null;
  /** Where the parts are of a card's memory: which card, and what the process holds of its own. */
  readonly onCard?: { readonly card: CardMemory; readonly host: readonly MemoryPart[] };
  /** Null where no checkpoints are saved. */
  readonly checkpoint: CheckpointMemory | null;
}

/** A checkpoint's tensors on their way out of the engine. */
export interface CheckpointMemory {
  readonly bytes: number;
  /** Of them, those that may wait in the process's memory to be written; while there are more, the next update waits for the disk. */
  readonly aheadBytes: number;
}

/** Share of the memory that is left beside everything else in which a checkpoint may wait; files that are read need some, too. */
const COPY_SHARE = 0.5;
/** But as much as this always, and a run is not refused for more. */
const LEAST_AHEAD = 64 << 20;

/** What a prediction for a card may be wrong by. */
const CARD_HEADROOM = 0.03;

/** This process, now. */
export function thisMachine(): Machine {
  return { processBytes: residentBytes(), attainableBytes: attainableBytes() };
}

/** @throws UserError when the engine has no such precision, or needs a card and there is none. */
export function predictPeak(
  engine: string,
  workload: Workload,
  request: MemoryRequest,
  machine: Machine = thisMachine(),
): PeakPrediction {
  const before = { name: "process without a model", bytes: machine.processBytes };
  const card = machine.card ?? cardOf(engine, request);
  const plannedWith = (copyAheadBytes: number) =>
    plannedFootprint(engine, { ...workload, copyAheadBytes }, request, card);
  const least = plannedWith(LEAST_AHEAD);
  if (least === null) {
    const parts = [before, ...formulaParts(workload)];
    const total = totalBytes(parts);
    const checkpoint = checkpointOf(workload, "fp32", machine.attainableBytes - total);
    return { engine, predictedBy: "formula", parts, total, choice: null, checkpoint };
  }
  const limits = limitOf(request, machine, card);
  const shared = card === null ? [before] : [];
  // A save costs less than computing again at every step: what waits takes what is left.
  const choice = chooseRecomputation(
    (recomputation, precision) => totalBytes([...shared, ...least.parts({ recomputation, precision })]),
    { asked: request.recomputation, precisions: least.precisions, ...limits },
  );
  const leastHost = least.host(choice);
  const left =
    leastHost === null ? limits.limit - choice.bytes : machine.attainableBytes - totalBytes([before, ...leastHost]);
  const checkpoint = checkpointOf(workload, choice.precision, left);
  const planned = checkpoint === null ? least : (plannedWith(checkpoint.aheadBytes) ?? least);
  const parts = [...shared, ...planned.parts(choice)];
  const host = planned.host(choice);
  const onCard = card === null || host === null ? {} : { onCard: { card, host: [before, ...host] } };
  return { engine, predictedBy: "engine", parts, total: totalBytes(parts), choice, checkpoint, ...onCard };
}

/** @param left bytes beside everything else that the process will hold, with the least of a checkpoint. */
function checkpointOf(workload: Workload, precision: PrecisionName, left: number): CheckpointMemory | null {
  if (!workload.checkpoints) return null;
  const bytes = checkpointBytes(countParameters(parameterTable(workload.architecture)), precision);
  return { bytes, aheadBytes: Math.min(bytes, LEAST_AHEAD + Math.floor(COPY_SHARE * Math.max(0, left))) };
}

function limitOf({ memory }: MemoryRequest, machine: Machine, card: CardMemory | null) {
  if (memory !== null) return { limit: memory, limitedBy: "engine.memory" };
  if (card === null) return { limit: machine.attainableBytes, limitedBy: "what is free, less 5 %" };
  const limit = Math.floor((1 - CARD_HEADROOM) * card.freeBytes);
  return { limit, limitedBy: `what is free on ${card.name}, less 3 %` };
}

/** The formula at the micro-batch that takes most. */
function formulaParts({ architecture, training }: Workload): MemoryPart[] {
  const { total: _, ...largest } = training
    .map((batch) => memoryEstimate(architecture, batch))
    .reduce((one, other) => (other.total > one.total ? other : one));
  return Object.entries(largest).map(([name, bytes]) => ({ name, bytes }));
}
