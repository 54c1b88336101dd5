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
  const predicted = (engine: string): PeakPrediction => predictPeak(engine, workloadOf(shape), memory);
  const choice = await choiceFor(options, predicted);
  const started = performance.now();
  onProgress("opening the engine");
  const { engine, why } = await open(shape, options, choice);
  try {
    // Memory that the engine has allocated and not touched is not resident yet, but what `auto` loaded to look for better ones is.
    return { engine, why, prediction: predicted(engine.describe().name), started };
  } catch (error) {
    engine[Symbol.dispose]();
    throw error;
  }
}

/** How the engine is to fit, should it plan its memory. Which one `auto` finds is looked up only when memory is short. */
async function choiceFor(
  { kind, memory: { places, device } }: OpenOptions,
  predicted: (engine: string) => PeakPrediction,
): Promise<RecomputationChoice | null> {
  const card = { ...(places === undefined ? {} : { places }), ...(device === undefined ? {} : { device }) };
  const { choice } = predicted(kind === "auto" ? await engineThatRuns({ kind, ...card }) : kind);
  if (choice?.fits === false) throw shortageOf(choice, "--shape");
  return choice;
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
