/** Held-out loss of every domain, in nats per token and bits per byte, and its change since the run's first step (forgetting). */
import { UserError } from "../base/errors.js";
import type { Packing, Plan } from "../config/plan.js";
import { heldOutBatches } from "../data/held-out.js";
import type { DataSources, DomainSource } from "../data/sources.js";
import type { Tokenizer } from "../data/tokenizer/tokenizer.js";
import type { Engine } from "../engine/engine.js";

export interface DomainLoss {
  /** Mean −ln p(target) over the counted targets, in nats. */
  readonly loss: number;
  /** Summed −log₂ p over the UTF-8 bytes of the targets' text: comparable across tokenizers. */
  readonly bitsPerByte: number;
  /** Targets counted. */
  readonly tokens: number;
}

/** The held-out losses of a model at one point of a run. */
export interface Evaluation {
  /** Steps completed when it was made. */
  readonly step: number;
  /** The stage just ended or under way; null at step 0. */
  readonly stage: string | null;
  readonly domains: Readonly<Record<string, DomainLoss>>;
}

export interface HeldOutOptions {
  /** T of the windows. */
  readonly length: number;
  /** B of the batches. */
  readonly rows: number;
  readonly tokensPerDomain: number;
  readonly packing: Packing;
  /** Called after every batch, so that the caller can show progress. */
  readonly onBatch?: (domain: string, tokens: number) => void;
}

/**
 * How a plan's run evaluates: losses at different lengths or packings do not compare, so all of its evaluations take the longest rows and
 * the first stage's packing.
 */
export function heldOutOptionsOf({ stages, engine, evaluation }: Plan): HeldOutOptions {
  return {
    length: Math.max(...stages.map(({ sequenceLength }) => sequenceLength)),
    rows: engine.microBatchRows,
    tokensPerDomain: evaluation.tokensPerDomain,
    packing: stages[0].packing,
  };
}

/**
 * Evaluates every domain that has held-out shards, on the same first tokens of them each time.
 * The sum over batches is kept in float64 in a fixed order, so equal weights give equal figures.
 */
export async function evaluateHeldOut(
  engine: Engine,
  sources: DataSources,
  options: HeldOutOptions,
): Promise<Readonly<Record<string, DomainLoss>>> {
  const losses: Record<string, DomainLoss> = {};
  for (const domain of sources.domains) {
    const loss = await domainLoss(engine, domain, sources.tokenizer, options);
    if (loss !== null) losses[domain.name] = loss;
  }
  return losses;
}

async function domainLoss(
  engine: Engine,
  domain: DomainSource,
  tokenizer: Tokenizer,
  options: HeldOutOptions,
): Promise<DomainLoss | null> {
  if (domain.heldOut === null) return null;
  let nats = 0;
  let tokens = 0;
  let bytes = 0;
  const batches = heldOutBatches(domain.heldOut, {
    domain: 0,
    length: options.length,
    maxTokens: options.tokensPerDomain,
    rows: options.rows,
    packing: options.packing,
  });
  for await (const batch of batches) {
    const { lossSum_B, tokens_B } = await engine.evaluate(batch);
    for (let row = 0; row < batch.rows; row++) {
      nats += lossSum_B[row];
      tokens += tokens_B[row];
    }
    bytes += textBytes(tokenizer, batch.targets_BT, batch.lossMask_BT);
    options.onBatch?.(domain.name, tokens);
  }
  if (tokens === 0) return null;
  return { loss: nats / tokens, bitsPerByte: nats / Math.LN2 / bytes, tokens };
}

/** UTF-8 bytes of the text of the counted targets. A character cut by the batch's edge counts as the three bytes of U+FFFD. */
function textBytes(tokenizer: Tokenizer, targets: Int32Array, mask: Uint8Array): number {
  const counted: number[] = [];
  const isText = (id: number): boolean => id !== tokenizer.endOfText && id !== tokenizer.beginOfText;
  for (let i = 0; i < targets.length; i++) if (mask[i] === 1 && isText(targets[i])) counted.push(targets[i]);
  return Buffer.byteLength(tokenizer.decode(counted));
}

/** Change of each domain's loss from `start` to `now` in nats per token; positive is forgetting. Domains absent from either are left out. */
export function forgetting(start: Evaluation, now: Evaluation): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(now.domains).flatMap(([name, { loss }]) => {
      const before = start.domains[name];
      return before === undefined ? [] : [[name, loss - before.loss]];
    }),
  );
}

/** Evaluations as a checkpoint holds them. @throws UserError when they are not. */
export function parseEvaluations(value: unknown): readonly Evaluation[] {
  if (Array.isArray(value) && value.every(isEvaluation)) return value;
  throw new UserError({
    what: "the evaluations in this checkpoint's trainer.json are not readable",
    hint: "it was written by another version",
  });
}

function isEvaluation(value: unknown): value is Evaluation {
  return (
    value !== null &&
    typeof value === "object" &&
    "step" in value &&
    typeof value.step === "number" &&
    "stage" in value &&
    "domains" in value
  );
}
