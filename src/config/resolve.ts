/** The resolved plan from a checked one: defaults that depend on other keys, absolute paths, lengths in steps. */
import { join, resolve } from "node:path";
import { toNumber } from "../base/rational.js";
import { DEFAULT_FORMAT } from "./conversation-formats.js";
import { nopeLayersEvery } from "./nope-layers.js";
import type {
  BeginPlan,
  ConversationsPlan,
  DataPlan,
  DomainPlan,
  ModelBase,
  ModelPlan,
  ModelShape,
  Plan,
  StagePlan,
  TokenizerPlan,
} from "./plan.js";
import { resolveStages } from "./resolve-stages.js";
import type { PlanSource } from "./schema.js";
import type { DataSource } from "./schema-data.js";
import type { ModelSource } from "./schema-model.js";

/** Share of a domain's documents that `prepare` holds out for evaluation. */
const HELD_OUT = 0.01;
/** Most rows of a micro-batch when `engine.microBatchRows` is absent. */
const MICRO_BATCH_ROWS = 8;

/**
 * @param root folder that relative paths start from, absolute.
 * @param base what `model.from` names.
 */
export function resolvePlan(source: PlanSource, root: string, base: ModelBase | null): Plan {
  const { run, seed, optimizer, evaluation, checkpoint, report } = source;
  const stages = resolveStages(source.stages, Object.keys(source.data.domains));
  return {
    run,
    runFolder: join(resolve(root, source.checkpointFolder), run),
    seed,
    begin: resolveBegin(source.begin, root, base),
    data: resolveData(source.data, run, root, base),
    model: resolveModel(source.model, stages, base),
    stages,
    optimizer,
    engine: { ...source.engine, microBatchRows: source.engine.microBatchRows ?? defaultMicroBatch(stages) },
    evaluation,
    checkpoint,
    report,
  };
}

/** A model that is continued begins with its weights unless the plan says otherwise. */
function resolveBegin(begin: PlanSource["begin"], root: string, base: ModelBase | null): BeginPlan {
  const mode = begin?.mode ?? (base === null ? "scratch" : "weights");
  if (mode === "scratch") return { mode };
  const from = begin?.from ?? null;
  if (from !== null) return { mode, from: resolve(root, from) };
  if (base === null) throw new Error("the beginning was not checked");
  return { mode, from: base.folder };
}

function resolveData(data: DataSource, run: string, root: string, base: ModelBase | null): DataPlan {
  const folder = resolve(root, data.folder ?? join("data", run));
  return {
    folder,
    tokenizer: resolveTokenizer(data.tokenizer, folder, root, base),
    domains: Object.entries(data.domains).map(([name, domain]) => resolveDomain(name, domain, folder, root)),
  };
}

function resolveTokenizer(
  tokenizer: DataSource["tokenizer"],
  folder: string,
  root: string,
  base: ModelBase | null,
): TokenizerPlan {
  const { train = null, file = null, vocabulary = null, add = null } = tokenizer ?? {};
  const own = join(folder, "tokenizer.json");
  if (train !== null) return { kind: "train", ...train, path: own };
  const given = file ?? (base === null ? null : join(base.folder, "tokenizer.json"));
  if (given === null) throw new Error("the tokenizer was not checked");
  const path = resolve(root, given);
  return add === null
    ? { kind: "file", path, vocabulary }
    : { kind: "extended", path: own, base: path, vocabulary, add };
}

function resolveDomain(name: string, domain: DataSource["domains"][string], folder: string, root: string): DomainPlan {
  const { documents, conversations, shards, heldOutShards } = domain;
  const read = documents ?? conversations;
  if (read === null) {
    if (shards === null) throw new Error("the domain was not checked");
    const heldOut = heldOutShards === null ? null : resolve(root, heldOutShards);
    return { name, shards: resolve(root, shards), heldOutShards: heldOut, documents: null };
  }
  const heldOut = domain.heldOut === null ? HELD_OUT : toNumber(domain.heldOut);
  return {
    name,
    shards: join(folder, name, "train"),
    heldOutShards: heldOut === 0 ? null : join(folder, name, "held-out"),
    documents: {
      paths: read.map((each) => resolve(root, each)),
      heldOut,
      conversations: conversations === null ? null : resolveConversations(domain, root),
    },
  };
}

function resolveConversations(domain: DataSource["domains"][string], root: string): ConversationsPlan {
  const { format, columns, roles, template, loss } = domain;
  return {
    format: format ?? DEFAULT_FORMAT,
    columns: columns ?? {},
    roles: roles ?? {},
    // A name without a folder or an ending is a built-in template's.
    template: template === null || /^\w+$/.test(template) ? template : resolve(root, template),
    loss: loss ?? "assistant",
  };
}

function resolveModel(model: ModelSource, stages: readonly StagePlan[], base: ModelBase | null): ModelPlan {
  const { initialDeviation, padVocabularyTo } = model;
  const rest = { initialDeviation, padVocabularyTo };
  if (base === null) return { ...resolveShape(model, stages), ...rest, from: null };
  const { shape, ...from } = base;
  return { ...shape, ...rest, from };
}

function resolveShape(model: ModelSource, stages: readonly StagePlan[]): ModelShape {
  const { width, layers, heads, feedForward, rope, normEpsilon, tied, qkvBias, qkNorm, slidingWindow } = model;
  if (width === null || layers === null || heads === null || feedForward === null)
    throw new Error("the model was not checked");
  return {
    ...{ width, layers, heads, feedForward, normEpsilon, tied, qkvBias, qkNorm, slidingWindow },
    kvHeads: model.kvHeads ?? heads,
    headWidth: model.headWidth ?? width / heads,
    maxLength: model.maxLength ?? Math.max(...stages.map((stage) => stage.sequenceLength)),
    ropeTheta: rope.theta,
    ropeScaling: rope.scaling,
    nopeLayers: rope.nopeInterval === null ? [] : nopeLayersEvery(rope.nopeInterval, layers),
  };
}

function defaultMicroBatch(stages: readonly StagePlan[]): number {
  return Math.min(MICRO_BATCH_ROWS, Math.max(...stages.map((stage) => stage.rowsPerStep)));
}
