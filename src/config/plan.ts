/**
 * The resolved plan: what a run does, with every default filled in, every quantity a plain number and every path absolute.
 * `schema.ts` describes what the user may write; `resolve.ts` turns that into this, once. Nothing below `config/` sees the YAML.
 */

import type { Rational } from "../base/rational.js";
import type { ConversationFormat, ConversationRole } from "./conversation-formats.js";
import type { RecipeName } from "./recipes.js";

export interface Plan {
  /** Name of the run's folder under `checkpointFolder`. */
  readonly run: string;
  /** Folder of the run: `checkpoints/<run>`, absolute. */
  readonly runFolder: string;
  readonly seed: number;
  readonly begin: BeginPlan;
  readonly data: DataPlan;
  readonly model: ModelPlan;
  readonly stages: readonly StagePlan[];
  readonly optimizer: OptimizerPlan;
  readonly engine: EnginePlan;
  readonly evaluation: EvaluationPlan;
  readonly checkpoint: CheckpointPlan;
  readonly report: ReportPlan;
}

/**
 * How step 0 begins. `weights`: the weights of a checkpoint, fresh optimizer, fresh ledger.
 * `continue`: weights, moments and ledger of a checkpoint, under this plan's stages (a changed mixture, added domains, another schedule).
 * Resuming an interrupted run is not here: it is `train --resume`.
 */
export type BeginPlan = { readonly mode: "scratch" } | { readonly mode: "weights" | "continue"; readonly from: string };

export interface DataPlan {
  /** Where `prepare` writes, absolute. */
  readonly folder: string;
  readonly tokenizer: TokenizerPlan;
  readonly domains: readonly DomainPlan[];
}

export type TokenizerPlan =
  | {
      readonly kind: "train";
      readonly vocabulary: number;
      readonly sampleBytes: number /** `<folder>/tokenizer.json`. */;
      readonly path: string;
    }
  | {
      readonly kind: "file";
      readonly path: string /** Entries that it must have; null: as many as it has. */;
      readonly vocabulary: number | null;
    }
  | {
      readonly kind: "extended";
      /** `<folder>/tokenizer.json`, which `prepare` writes. */
      readonly path: string;
      /** The tokenizer that gets new tokens. */
      readonly base: string;
      /** Entries that `base` must have; null: as many as it has. */
      readonly vocabulary: number | null;
      readonly add: NewTokensPlan;
    };

export interface NewTokensPlan {
  readonly tokens: readonly string[];
  /** Whether they are special: markers that are never text, and that `decode` may leave out. */
  readonly special: boolean;
  /** What their embeddings start as: the mean of their pieces', the mean of all, or random. */
  readonly initial: "pieces" | "mean" | "random";
}

export interface DomainPlan {
  readonly name: string;
  /** Where the training shards are (written by `prepare` when `documents` is given): a folder or one file, absolute. */
  readonly shards: string;
  /** Held-out shards, or null when the domain is not evaluated. */
  readonly heldOutShards: string | null;
  /** What `prepare` reads; null for shards made elsewhere. */
  readonly documents: {
    readonly paths: readonly string[] /** Share of documents held out, 0 to 1. */;
    readonly heldOut: number;
    /** How the files' records are conversations; null: they are documents. */
    readonly conversations: ConversationsPlan | null;
  } | null;
}

export interface ConversationsPlan {
  readonly format: ConversationFormat;
  /** The record's names for the format's columns. */
  readonly columns: Readonly<Record<string, string>>;
  /** What the record's names for roles mean, beside the usual ones. */
  readonly roles: Readonly<Record<string, ConversationRole>>;
  /** A built-in template's name or an absolute path; null: the tokenizer's own. */
  readonly template: string | null;
  readonly loss: "assistant" | "all";
}

/** A model that is continued: what its `config.json` says. */
export interface ModelBase {
  /** Absolute. */
  readonly folder: string;
  /** Hugging Face's name of its family. */
  readonly modelType: string;
  /** Rows of its embedding. */
  readonly vocabulary: number;
  readonly shape: ModelShape;
  /** Fields of `config.json` that say nothing about training. */
  readonly ignored: readonly string[];
}

/** `Architecture` without the vocabulary. */
export interface ModelShape {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly feedForward: number;
  readonly maxLength: number;
  readonly ropeTheta: number;
  readonly ropeScaling: {
    readonly factor: number;
    readonly lowFrequencyFactor: number;
    readonly highFrequencyFactor: number;
    readonly originalLength: number;
  } | null;
  /** Layers without RoPE, counted from 0. */
  readonly nopeLayers: readonly number[];
  readonly normEpsilon: number;
  readonly tied: boolean;
  readonly qkvBias: boolean;
  readonly qkNorm: boolean;
  readonly slidingWindow: number | null;
}

/** The vocabulary comes from the tokenizer, padded to a multiple of `padVocabularyTo`, or from the model that is continued. */
export interface ModelPlan extends ModelShape {
  /** Null: the shape is written in the plan. */
  readonly from: Omit<ModelBase, "shape"> | null;
  /** Standard deviation of the initial matrices; residual outputs are divided by √(2L). */
  readonly initialDeviation: number;
  readonly padVocabularyTo: number;
}

/**
 * `isolated`: attention stays within a document and positions restart there; `attend`: the row is one text. Both cut the stream into rows.
 * `whole`: a row holds whole documents, isolated, and is filled up with padding.
 */
export type Packing = "isolated" | "attend" | "whole";

export interface StagePlan {
  readonly name: string;
  /** Optimizer steps; `tokens` rounded up to whole steps. */
  readonly steps: number;
  /** steps × tokensPerStep. */
  readonly tokens: number;
  /** T. */
  readonly sequenceLength: number;
  readonly tokensPerStep: number;
  /** tokensPerStep / sequenceLength, a whole number. */
  readonly rowsPerStep: number;
  readonly mixture: readonly MixtureShare[];
  /** Domains that hold what the base knew; null: not said. No number depends on it. */
  readonly replay: readonly string[] | null;
  /** Where the schedule's unwritten keys came from, for the record; null: the plan's defaults. */
  readonly recipe: RecipeName | null;
  readonly schedule: ScheduleSpec;
  readonly packing: Packing;
  /** Highest number of epochs of each domain, counted over the whole run up to this stage's end; a domain not named has no limit. */
  readonly maxEpochs: Readonly<Record<string, number>>;
}

export interface MixtureShare {
  readonly domain: string;
  /** Part of the stage's tokens; the shares of a stage sum to exactly 1. */
  readonly share: Rational;
}

export type DecayForm = "linear" | "cosine" | "exponential" | "1-sqrt";

interface WarmUp {
  /** Steps of linear warm-up from `start` to `peak`; 0: none. */
  readonly warmup: number;
  /** Learning rate that the warm-up starts from. */
  readonly start: number;
  readonly peak: number;
}

/** A stage's learning-rate schedule; all durations in steps of that stage. Formulas and sources: `optim/schedules.ts`. */
export type ScheduleSpec =
  | (WarmUp & { readonly kind: "constant" })
  | (WarmUp & { readonly kind: "linear"; readonly min: number })
  | (WarmUp & { readonly kind: "cosine"; readonly min: number })
  | (WarmUp & {
      readonly kind: "wsd";
      readonly min: number;
      readonly decay: { readonly form: DecayForm; readonly steps: number };
    })
  | (WarmUp & {
      readonly kind: "infinite";
      /** Rate that is held between cooldown and anneal. */
      readonly constant: number;
      readonly cooldown: { readonly form: DecayForm; readonly steps: number };
      readonly min: number;
      /** At the stage's end; 0 steps: not annealed, so that the run can go on. */
      readonly anneal: { readonly form: DecayForm; readonly steps: number };
    });

export interface OptimizerPlan {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest global gradient norm; null: not clipped. */
  readonly clip: number | null;
}

export interface EnginePlan {
  readonly kind: "auto" | "native-cuda" | "tfjs-node-gpu" | "native-cpu" | "tfjs-node" | "tfjs-wasm" | "tfjs-cpu";
  /** Which card, counted from 0. */
  readonly device: number;
  /** What is computed in; `auto`: bf16 on a card, fp32 elsewhere. */
  readonly precision: "auto" | "fp32" | "bf16";
  /** Of bf16: float32 weights and moments beside, or bf16 throughout; `auto`: the first where it fits. */
  readonly optimizerMemory: "auto" | "fp32" | "bf16";
  /** B, rows of a micro-batch; a step's rows are run in pieces of at most this many. */
  readonly microBatchRows: number;
  /** What the backward pass computes again to save memory; `auto`: the least that fits. No bit of the result depends on it. */
  readonly recomputation: "auto" | "none" | "block-parts" | "layer";
  /** Bytes that the whole process may hold at its peak, or that it may take of a card; null: what is free. */
  readonly memory: number | null;
}

export interface EvaluationPlan {
  /** Null: only at step 0 and at the end of every stage. */
  readonly everySteps: number | null;
  readonly tokensPerDomain: number;
}

export interface CheckpointPlan {
  /** Null: only at the end of every stage. */
  readonly everySteps: number | null;
  readonly keepLast: number;
  /** Checkpoints at multiples of this many steps are kept for good; null: none. */
  readonly keepEvery: number | null;
}

export interface ReportPlan {
  readonly everySteps: number;
}
