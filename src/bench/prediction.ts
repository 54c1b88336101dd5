/** What a process will hold at its peak, before it computes, or the card that it computes on: from the engine's own tables where it plans its memory. */
import type { Recomputation } from "../engine/native/activations.js";
import type { CardMemory } from "../engine/native/cuda/cards.js";
import type { PrecisionRequest } from "../engine/native/precision.js";
import { chooseRecomputation, type RecomputationChoice } from "../engine/native/recomputation.js";
import { type CardOptions, cardOf, plannedFootprint } from "../engine/select.js";
import { type MemoryPart, memoryEstimate, totalBytes, type Workload } from "../model/costs.js";
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
}

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
  const planned = plannedFootprint(engine, workload, request, card);
  if (planned === null) {
    const parts = [before, ...formulaParts(workload)];
    return { engine, predictedBy: "formula", parts, total: totalBytes(parts), choice: null };
  }
  const onCard = card === null || planned.host === null ? null : { card, host: [before, ...planned.host] };
  const shared = onCard === null ? [before] : [];
  const choice = chooseRecomputation(
    (recomputation, precision) => totalBytes([...shared, ...planned.parts({ recomputation, precision })]),
    { asked: request.recomputation, precisions: planned.precisions, ...limitOf(request, machine, card) },
  );
  const parts = [...shared, ...planned.parts(choice)];
  const total = totalBytes(parts);
  return { engine, predictedBy: "engine", parts, total, choice, ...(onCard === null ? {} : { onCard }) };
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
