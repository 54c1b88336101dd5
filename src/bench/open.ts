/** Opens the engine that a bench asks for, in the mode that its memory allows, and says what it will hold. */
import { answerOf, type RecomputationChoice, shortageOf } from "../engine/native/recomputation.js";
import { createEngine, type EngineKind, engineThatRuns, type SelectedEngine } from "../engine/select.js";
import type { Workload } from "../model/costs.js";
import { type MemoryRequest, type PeakPrediction, predictPeak } from "./prediction.js";
import type { BenchShape } from "./shape.js";
import { BATCHES } from "./steps.js";

export interface OpenOptions {
  readonly kind: EngineKind;
  /** Where the card is, what numbers are kept in, what is computed again. */
  readonly memory: MemoryRequest;
  readonly onProgress: (text: string) => void;
  /** How an engine is had; tests give their own. */
  readonly open?: OpenEngine;
}

/** @param choice of the prediction, for an engine that leaves one. */
export type OpenEngine = (
  shape: BenchShape,
  asked: Pick<OpenOptions, "kind" | "memory">,
  choice: RecomputationChoice | null,
) => Promise<SelectedEngine>;

export interface OpenedEngine extends SelectedEngine {
  readonly prediction: PeakPrediction;
  /** When opening began, by `performance.now`. */
  readonly started: number;
}

/** @throws UserError when there is not enough memory, for an engine that plans it. */
export async function openFitting(shape: BenchShape, options: OpenOptions): Promise<OpenedEngine> {
  const { memory, onProgress, open = openEngine } = options;
  const { kind } = options;
  const { places, device } = memory;
  const card = { ...(places === undefined ? {} : { places }), ...(device === undefined ? {} : { device }) };
  const predicted = (engine: string): PeakPrediction => predictPeak(engine, workloadOf(shape), memory);
  const before = predicted(kind === "auto" ? await engineThatRuns({ kind, ...card }) : kind);
  if (before.choice?.fits === false) throw shortageOf(before.choice, "--shape");
  const started = performance.now();
  onProgress("opening the engine");
  const { engine, why } = await open(shape, options, before.choice);
  try {
    // What the process holds has grown by what `auto` loaded to look for better engines; a card now has less that is free.
    const prediction = before.onCard === undefined ? predicted(engine.describe().name) : before;
    return { engine, why, prediction, started };
  } catch (error) {
    engine[Symbol.dispose]();
    throw error;
  }
}

function workloadOf({ architecture, rows, length }: BenchShape): Workload {
  return {
    architecture,
    training: [{ rows, length }],
    evaluation: [],
    checkpoints: false,
    tokensAhead: BATCHES * rows * length,
  };
}

const openEngine: OpenEngine = ({ architecture }, { kind, memory }, mode) => {
  const { recomputation: _, memory: __, ...options } = memory;
  return createEngine(architecture, undefined, { kind, ...options, ...answerOf(mode) });
};
