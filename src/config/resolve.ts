/** The resolved plan from a checked one: defaults that depend on other keys, absolute paths, lengths in steps. */
import { join, resolve } from "node:path";
import { toNumber } from "../base/rational.js";
import { nopeLayersEvery } from "./nope-layers.js";
import type { BeginPlan, DataPlan, DomainPlan, ModelPlan, Plan, StagePlan, TokenizerPlan } from "./plan.js";
import { resolveStages } from "./resolve-stages.js";
import type { PlanSource } from "./schema.js";
import type { DataSource } from "./schema-data.js";
import type { ModelSource } from "./schema-model.js";

/** Share of a domain's documents that `prepare` holds out for evaluation. */
const HELD_OUT = 0.01;
/** Most rows of a micro-batch when `engine.microBatchRows` is absent. */
const MICRO_BATCH_ROWS = 8;

/** @param root folder that relative paths start from, absolute. */
export function resolvePlan(source: PlanSource, root: string): Plan {
  const { run, seed, optimizer, evaluation, checkpoint, report } = source;
  const stages = resolveStages(source.stages, Object.keys(source.data.domains));
  return {
    run,
    runFolder: join(resolve(root, source.checkpointFolder), run),
    seed,
    begin: resolveBegin(source.begin, root),
    data: resolveData(source.data, run, root),
    model: resolveModel(source.model, stages),
    stages,
    optimizer,
    engine: { ...source.engine, microBatchRows: source.engine.microBatchRows ?? defaultMicroBatch(stages) },
    evaluation,
    checkpoint,
    report,
  };
}

function resolveBegin(begin: PlanSource["begin"], root: string): BeginPlan {
  return begin === null ? { mode: "scratch" } : { mode: begin.mode, from: resolve(root, begin.from) };
}

function resolveData(data: DataSource, run: string, root: string): DataPlan {
  const folder = resolve(root, data.folder ?? join("data", run));
  return {
    folder,
    tokenizer: resolveTokenizer(data.tokenizer, folder, root),
    domains: Object.entries(data.domains).map(([name, domain]) => resolveDomain(name, domain, folder, root)),
  };
}

function resolveTokenizer(tokenizer: DataSource["tokenizer"], folder: string, root: string): TokenizerPlan {
  const { train, file, vocabulary } = tokenizer;
  if (train !== null) return { kind: "train", ...train, path: join(folder, "tokenizer.json") };
  if (file === null) throw new Error("the tokenizer was not checked");
  return { kind: "file", path: resolve(root, file), vocabulary };
}

function resolveDomain(name: string, domain: DataSource["domains"][string], folder: string, root: string): DomainPlan {
  const { documents, shards, heldOutShards } = domain;
  if (documents === null) {
    if (shards === null) throw new Error("the domain was not checked");
    const heldOut = heldOutShards === null ? null : resolve(root, heldOutShards);
    return { name, shards: resolve(root, shards), heldOutShards: heldOut, documents: null };
  }
  const heldOut = domain.heldOut === null ? HELD_OUT : toNumber(domain.heldOut);
  return {
    name,
    shards: join(folder, name, "train"),
    heldOutShards: heldOut === 0 ? null : join(folder, name, "held-out"),
    documents: { paths: documents.map((each) => resolve(root, each)), heldOut },
  };
}

function resolveModel(model: ModelSource, stages: readonly StagePlan[]): ModelPlan {
  const { rope, ...rest } = model;
  return {
    ...rest,
    kvHeads: model.kvHeads ?? model.heads,
    headWidth: model.headWidth ?? model.width / model.heads,
    maxLength: model.maxLength ?? Math.max(...stages.map((stage) => stage.sequenceLength)),
    ropeTheta: rope.theta,
    ropeScaling: rope.scaling,
    nopeLayers: rope.nopeInterval === null ? [] : nopeLayersEvery(rope.nopeInterval, model.layers),
  };
}

function defaultMicroBatch(stages: readonly StagePlan[]): number {
  return Math.min(MICRO_BATCH_ROWS, Math.max(...stages.map((stage) => stage.rowsPerStep)));
}
