/**
 * The run, read top to bottom: open the data, decide how to begin, then step. Every turn of the loop evaluates and saves if that is due,
 * stops if it was the last, takes the step's batches, accumulates their gradients, and updates the weights unless something is not finite.
 */
import { join } from "node:path";
import { UserError } from "./base/errors.js";
import { lockFolder } from "./base/folder-lock.js";
import { collectGarbage } from "./base/garbage.js";
import { openRunLog, type ProgressStream } from "./base/report.js";
import { VERSION } from "./base/version.js";
import { companionsOf } from "./checkpoint/companions.js";
import type { TrainerState } from "./checkpoint/format.js";
import { cleanLeftovers } from "./checkpoint/retention.js";
import { BackgroundSaver, type Copies } from "./checkpoint/saver.js";
import type { Plan } from "./config/plan.js";
import type { Batch } from "./data/batch.js";
import { lossTokens } from "./data/batch.js";
import type { DataOrder } from "./data/order.js";
import { prefetch } from "./data/prefetch.js";
import { type DataSources, openSources } from "./data/sources.js";
import type { Engine } from "./engine/engine.js";
import { answerOf } from "./engine/native/recomputation.js";
import { createEngine, engineThatRuns, type Places } from "./engine/select.js";
import { type Evaluation, evaluateHeldOut, heldOutOptionsOf } from "./eval/held-out.js";
import { type Architecture, architectureOf } from "./model/architecture.js";
import { toHuggingFaceConfig } from "./model/hugging-face.js";
import { parameterTable } from "./model/parameters.js";
import { clipScale, isUsable } from "./optim/clipping.js";
import { learningRateAt } from "./optim/schedules.js";
import { type Beginning, beginRun, differencesOf, type Maker } from "./train/begin.js";
import { engineOptionsOf, memoryOfRun, PREFETCH_STEPS } from "./train/memory.js";
import { checkDemand, orderOfPlan, unreadOf } from "./train/order.js";
import { diverged, notEvaluable } from "./train/refusals.js";
import { type StepReport, TrainReport } from "./train/report.js";

/** Part of a step's time that a save in flight has at least: an engine that does not block the thread gives it more by itself. */
const SAVE_SHARE = 0.25;
/** Consecutive steps without a finite loss and gradient after which a run gives up: the weights have left the region where steps help. */
const MAX_SKIPPED = 10;

export interface TrainOptions {
  /** Null: start the plan; `auto`: the newest whole checkpoint of the run; else a checkpoint's folder. */
  readonly resume: string | null;
  /** Set `requested` to finish the step under way, save and return. */
  readonly stop: { requested: boolean };
  readonly progress: ProgressStream;
  /** Where a card's libraries may be. */
  readonly places?: Places;
}

export interface TrainOutcome {
  readonly status: "finished" | "interrupted";
  /** Steps completed. */
  readonly step: number;
  /** Folder of the last checkpoint. */
  readonly checkpoint: string | null;
  /** Held-out losses at step 0 and at every evaluation since, in order. */
  readonly evaluations: readonly Evaluation[];
}

/** Everything that stays the same while a run runs. */
interface Run {
  readonly plan: Plan;
  readonly architecture: Architecture;
  readonly sources: DataSources;
  readonly order: DataOrder;
  readonly engine: Engine;
  readonly maker: Maker;
  readonly begin: Beginning;
  /** Bytes of a checkpoint that may wait to be written. */
  readonly copyAheadBytes: number;
}

export async function train(plan: Plan, options: TrainOptions): Promise<TrainOutcome> {
  await using _lock = await lockFolder(plan.runFolder, "run");
  await cleanLeftovers(plan.runFolder);
  await using sources = await openSources(plan.data);
  const architecture = architectureOf(plan.model, sources.tokenizer.vocabulary);
  const begin = await beginRun(plan, architecture, options.resume);
  const order = await orderOfPlan(plan, sources.domains, begin.startLedger);
  checkDemand(plan, order, sources.domains);
  checkOrder(begin, order, plan.runFolder);
  using log = openRunLog(join(plan.runFolder, "log.jsonl"));
  using report = new TrainReport({
    plan,
    order,
    domains: sources.domains.map(({ name }) => name),
    log,
    stream: options.progress,
  });
  const engineOptions = engineOptionsOf(plan, options.places, (line) => report.note(line));
  const memory = memoryOfRun(plan, architecture, await engineThatRuns(engineOptions), options);
  const { engine: made, why } = await createEngine(architecture, parameterTable(architecture), {
    ...engineOptions,
    ...answerOf(memory.choice),
  });
  using engine = made;
  await engine.load(begin.tensors);
  collectGarbage();
  report.begins(begin, engine.describe(), why, memory);
  const maker = { engine: engine.describe().name, precision: memory.choice?.precision ?? engine.describe().precision };
  for (const warning of [...differencesOf(begin.maker, maker), ...unreadOf(order, sources.domains)])
    report.warn(warning);

  const copyAheadBytes = memory.checkpoint?.aheadBytes ?? 0;
  const run: Run = { plan, architecture, sources, order, engine, maker, begin, copyAheadBytes };
  await using saver = new BackgroundSaver(plan.runFolder);
  const evaluations = [...begin.evaluations];
  let updates = begin.updates;
  let skipped = 0;
  let checkpoint = begin.checkpoint;
  const steps = prefetch({
    order,
    streams: sources.domains.map(({ train }) => train),
    fromStep: begin.step,
    toStep: order.steps,
    depth: PREFETCH_STEPS,
    microBatchRows: plan.engine.microBatchRows,
  })[Symbol.asyncIterator]();
  await using _reader = { [Symbol.asyncDispose]: async () => void (await steps.return?.(undefined)) };

  for (let step = begin.step; ; step++) {
    const last = step === order.steps;
    // A resumed run did both at this step already, before it saved.
    const resumed = step === begin.step && step > 0;
    if (!resumed && (last || isStageStart(order, step) || isDue(step, plan.evaluation.everySteps))) {
      const evaluation = await evaluate(run, step, report);
      evaluations.push(evaluation);
      report.evaluated(evaluation, evaluations[0] ?? evaluation);
    }
    if (
      !resumed &&
      step > 0 &&
      (last || options.stop.requested || isStageStart(order, step) || isDue(step, plan.checkpoint.everySteps))
    ) {
      checkpoint = await save(run, saver, { step, updates, evaluations, report });
    }
    if (last || options.stop.requested) {
      await saver.finish();
      report.ends(last ? "finished" : "interrupted", step, evaluations);
      return { status: last ? "finished" : "interrupted", step, checkpoint, evaluations };
    }

    const next = await steps.next();
    if (next.done === true) throw new Error(`the data ended before step ${step}`);
    const result = await runStep(run, step, next.value.batches, updates + 1);
    updates += result.applied ? 1 : 0;
    skipped = result.applied ? 0 : skipped + 1;
    report.stepped(result, skipped);
    if (skipped === MAX_SKIPPED) {
      await saver.finish();
      throw diverged(step + 1, MAX_SKIPPED);
    }
    // Engines may block the thread for a whole step: let signals and file writes have their turn.
    await new Promise((resolve) => setImmediate(resolve));
    await saver.giveTime(SAVE_SHARE * result.ms);
  }
}

/** One optimizer step: gradients of all micro-batches, weighted by their tokens; then the update, unless loss or gradient is not finite. */
async function runStep(run: Run, step: number, batches: readonly Batch[], update: number): Promise<StepReport> {
  const { plan, order, engine } = run;
  const { index, firstStep, stage } = order.stageAt(step);
  const started = performance.now();
  const tokens = batches.reduce((sum, batch) => sum + lossTokens(batch), 0);
  const lossOf = run.sources.domains.map(() => ({ nats: 0, tokens: 0 }));
  for (const batch of batches) {
    const { lossSum_B, tokens_B } = await engine.accumulate(batch, 1 / Math.max(1, tokens));
    for (let row = 0; row < batch.rows; row++) {
      const domain = lossOf[batch.domains_B[row]];
      domain.nats += lossSum_B[row];
      domain.tokens += tokens_B[row];
    }
  }
  const loss = lossOf.reduce((sum, { nats }) => sum + nats, 0) / Math.max(1, tokens);
  const gradientNorm = await engine.gradientNorm();
  const learningRate = learningRateAt(plan.stages[index].schedule, step - firstStep, stage.steps);
  const applied = isUsable(loss, gradientNorm);
  if (applied) {
    const { clip, ...adamw } = plan.optimizer;
    await engine.update({ ...adamw, learningRate, clipScale: clipScale(gradientNorm, clip), update });
  } else {
    engine.discard();
  }
  return {
    step,
    stage: stage.name,
    tokens: stage.rowsPerStep * stage.sequenceLength,
    loss,
    lossOf,
    gradientNorm,
    learningRate,
    applied,
    ms: performance.now() - started,
  };
}

async function evaluate(run: Run, step: number, report: TrainReport): Promise<Evaluation> {
  const { plan, engine, sources, order } = run;
  // At a stage's first step the stage that counts is the one that just ended.
  const stage = step === 0 ? plan.stages[0] : plan.stages[order.stageAt(step - 1).index];
  const domains = await evaluateHeldOut(engine, sources, {
    ...heldOutOptionsOf(plan),
    onBatch: (domain, tokens) => report.evaluating(domain, tokens),
  });
  const broken = Object.entries(domains).filter(([, { loss }]) => !Number.isFinite(loss));
  if (broken.length > 0)
    throw notEvaluable(
      step,
      broken.map(([name]) => name),
    );
  return { step, stage: step === 0 ? null : stage.name, domains };
}

interface Progress {
  readonly step: number;
  readonly updates: number;
  readonly evaluations: readonly Evaluation[];
  readonly report: TrainReport;
}

/** Begins a save: tensors are copied while the next step computes its gradient, ahead of what is written as far as memory goes. */
async function save(run: Run, saver: BackgroundSaver, progress: Progress): Promise<string> {
  const { plan, architecture, sources, order, begin } = run;
  const { step, updates, evaluations, report } = progress;
  // One copy of the model in flight at a time, and none left from the last save.
  await saver.finish();
  collectGarbage();
  const trainer: TrainerState = {
    format: 1,
    step,
    updates,
    stage: order.stageAt(Math.max(0, step - 1)).stage.name,
    ledger: order.ledgerAt(step),
    startLedger: begin.startLedger,
    plan,
    architecture,
    fingerprints: {
      order: order.fingerprint,
      tokenizer: sources.tokenizer.fingerprint,
      domains: Object.fromEntries(sources.domains.map(({ name, train }) => [name, train.fingerprint])),
    },
    evaluations: [...evaluations],
    base: begin.base,
    versions: { hephaestus: VERSION, node: process.version, ...run.maker },
  };
  return saver.save({
    step,
    copies: () => copiesOf(run),
    trainer,
    // So that a checkpoint's folder is complete for Hugging Face.
    attachments: await companionsOf(sources.tokenizer.path),
    retention: plan.checkpoint,
    onSaved: (folder) => report.saved(folder, step),
  });
}

/** Weights and moments as they are now, and the configuration that goes with their type. */
function copiesOf({ architecture, sources, engine, copyAheadBytes }: Run): Copies {
  const copy = engine.copyOut(["weight", "moment1", "moment2"], copyAheadBytes);
  const weights = copy.tensors.filter(({ kind }) => kind === "weight");
  const moments = copy.tensors.filter(({ kind }) => kind !== "weight");
  const dtype = weights.every((weight) => weight.dtype === "BF16") ? "bfloat16" : "float32";
  const { endOfText, beginOfText } = sources.tokenizer;
  const config = toHuggingFaceConfig(architecture, { dtype, endOfText, beginOfText });
  return { config, weights, moments, [Symbol.dispose]: () => copy[Symbol.dispose]() };
}

function checkOrder(begin: Beginning, order: DataOrder, where: string): void {
  if (begin.order === null || begin.order === order.fingerprint) return;
  throw new UserError({
    what: "the order of the data is not the one this checkpoint was made with",
    where,
    expected: `order ${begin.order.slice(0, 12)}`,
    got: `order ${order.fingerprint.slice(0, 12)}`,
    hint: "the shards changed since; bring them back, or start a new run with `begin: { mode: continue, from: <this checkpoint> }`",
  });
}

function isDue(step: number, every: number | null): boolean {
  return step === 0 || (every !== null && step % every === 0);
}

/** Whether the step before this one was the last of its stage (or there was none). */
function isStageStart(order: DataOrder, step: number): boolean {
  return step < order.steps && order.stageAt(step).firstStep === step;
}
