/** `hephaestus bench`: how fast this machine trains a shape, what it could reach, and how PyTorch does on the same shape. */
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { ProgressLine, type ProgressStream } from "../base/report.js";
import { coldStart } from "../bench/cold.js";
import { type CompareOptions, compare } from "../bench/compare.js";
import { type Curve, type CurveOptions, lossCurves } from "../bench/curve.js";
import { type DecodeReport, measureDecoding, renderDecoding } from "../bench/decode.js";
import { measure } from "../bench/measure.js";
import type { MemoryRequest } from "../bench/prediction.js";
import { renderReport } from "../bench/render.js";
import { renderCurves } from "../bench/render-curve.js";
import type { BenchReport } from "../bench/report.js";
import { type BenchShape, shapeOfPlan } from "../bench/shape.js";
import type { TorchDtype, TorchModeName } from "../bench/torch.js";
import { nearest } from "../config/nearest.js";
import type { Plan } from "../config/plan.js";
import { loadTokenizer } from "../data/tokenizer/tokenizer.js";
import { ENGINE_KINDS, ENGINE_NAMES, type EngineKind, type EngineName } from "../engine/select.js";

export interface BenchOptions {
  readonly engine: EngineKind;
  /** Timed steps. */
  readonly steps: number;
  /** Milliseconds for them, on PyTorch's side too; by default without limit. */
  readonly limitMs?: number;
  readonly json: boolean;
  /** Where the card is, what numbers are kept in, what is computed again. */
  readonly memory: MemoryRequest;
  /** Whether to measure what saving costs. */
  readonly saving?: boolean;
  /** Runs this same bench in a process of its own with JSON, to measure a first start; absent: it is not measured. */
  readonly cold?: readonly string[] | null;
  /** Null: nothing else is run beside it. */
  readonly compared: ComparedOptions | null;
  readonly progress: ProgressStream;
  readonly write: (text: string) => void;
}

export interface ComparedOptions {
  /** Other engines of this project. */
  readonly engines: readonly EngineName[];
  /** PyTorch's modes, and its interpreter. */
  readonly torch: {
    readonly modes: readonly TorchModeName[];
    readonly python: string;
    readonly dtype?: TorchDtype | null;
  } | null;
  /** Processes of each side. */
  readonly rounds: number;
  /** Program and arguments that run this same bench in a process of its own, without comparing and with JSON. */
  readonly own: readonly string[];
}

/** Fewer rounds have no middle that a single disturbance could not move. */
const LEAST_ROUNDS = 3;

export async function bench(shape: BenchShape, options: BenchOptions): Promise<BenchReport> {
  checkOptions(options);
  const { engine: kind, compared, progress, json, write, cold: coldly = null } = options;
  using line = new ProgressLine(progress);
  const onProgress = (text: string): void => line.update(text);
  const cold = coldly === null ? null : await coldStart(coldly, onProgress);
  const found =
    compared === null
      ? await measure(shape, { ...options, kind, onProgress })
      : await compare({ ...compared, torch: peerOf(compared, shape, options), onProgress });
  const report = { ...found, cold };
  line.clear();
  write(json ? `${JSON.stringify(report, null, 2)}\n` : `${renderReport(report).join("\n")}\n`);
  return report;
}

/** Loss curves of several sides on one shape; see `bench/curve.ts`. */
export async function benchCurve(
  shape: BenchShape,
  options: Pick<CurveOptions, "steps" | "sides" | "memory" | "python" | "open"> &
    Pick<BenchOptions, "progress" | "write" | "json">,
): Promise<readonly Curve[]> {
  const { progress, write, json } = options;
  checkOptions({ ...options, compared: null });
  using line = new ProgressLine(progress);
  const curves = await lossCurves(shape, { ...options, onProgress: (text) => line.update(text) });
  line.clear();
  write(json ? `${JSON.stringify(curves, null, 2)}\n` : `${renderCurves(curves).join("\n")}\n`);
  return curves;
}

/** Speed of decoding instead of training; see `bench/decode.ts`. */
export async function benchDecoding(
  shape: BenchShape,
  options: Pick<BenchOptions, "engine" | "steps" | "memory" | "progress" | "write" | "json">,
): Promise<DecodeReport> {
  const { engine: kind, steps, memory, progress, write, json } = options;
  checkOptions({ ...options, compared: null });
  using line = new ProgressLine(progress);
  const report = await measureDecoding(shape, { kind, steps, memory, onProgress: (text) => line.update(text) });
  line.clear();
  write(json ? `${JSON.stringify(report, null, 2)}\n` : `${renderDecoding(report).join("\n")}\n`);
  return report;
}

function peerOf(
  { torch }: ComparedOptions,
  shape: BenchShape,
  { steps, limitMs }: BenchOptions,
): CompareOptions["torch"] {
  if (torch === null) return null;
  const { python, modes, dtype = null } = torch;
  return { peer: { python, shape, steps, dtype, ...(limitMs === undefined ? {} : { limitMs }) }, modes };
}

/** The shape of a plan's first stage. Before `prepare` has trained the tokenizer, its vocabulary is the one that the plan asks for. */
export async function benchShapeOf(plan: Plan): Promise<BenchShape> {
  const { tokenizer } = plan.data;
  const trained = tokenizer.kind !== "train" || (await exists(tokenizer.path));
  return shapeOfPlan(plan, trained ? (await loadTokenizer(tokenizer.path)).vocabulary : tokenizer.vocabulary);
}

/** @throws UserError when there is no such engine. */
export function engineKindOf(name: string): EngineKind {
  const kind = ENGINE_KINDS.find((known) => known === name);
  if (kind !== undefined) return kind;
  const near = nearest(name, ENGINE_KINDS);
  throw new UserError({
    what: `there is no engine ${JSON.stringify(name)}`,
    where: "--engine",
    expected: ENGINE_KINDS.join(", "),
    ...(near === null ? {} : { hint: `did you mean ${near}?` }),
  });
}

/** Engines to compare with, by commas. @throws UserError when one of them is not an engine's own name. */
export function engineNamesOf(text: string): EngineName[] {
  return text.split(",").map((part) => {
    const name = part.trim();
    const known = ENGINE_NAMES.find((each) => each === name);
    if (known !== undefined) return known;
    const near = nearest(name, ENGINE_NAMES);
    throw new UserError({
      what: `there is no engine ${JSON.stringify(name)}`,
      where: "--compare-engines",
      expected: `some of ${ENGINE_NAMES.join(", ")}, by commas`,
      ...(near === null ? {} : { hint: `did you mean ${near}?` }),
    });
  });
}

function checkOptions({ steps, compared }: Pick<BenchOptions, "steps" | "compared">): void {
  const problems = [
    ...(steps >= 1
      ? []
      : [{ what: "a bench needs a step", where: "--steps", expected: "at least 1", got: String(steps) }]),
    ...(compared === null || compared.rounds >= LEAST_ROUNDS
      ? []
      : [
          {
            what: "too few rounds to compare",
            where: "--rounds",
            expected: `at least ${LEAST_ROUNDS}`,
            got: String(compared.rounds),
          },
        ]),
  ];
  if (problems.length > 0) throw new UserError(problems);
}
