/**
 * One domain's documents into Arrow shards: read, drop exact duplicates, split off the held-out share, encode, write. The result depends on the
 * inputs, the tokenizer and the choices alone: documents are encoded by any number of threads but written in the order of reading.
 */
import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { UserError } from "../../base/errors.js";
import { exists } from "../../base/files.js";
import type { RecordReader } from "../../corpus/record.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import {
  describeInputs,
  MANIFEST_VERSION,
  type Manifest,
  type PrepareChoices,
  type Recipe,
  readManifest,
  recipeKey,
  type Side,
  shardsStand,
} from "./manifest.js";
import { encodeInOrder } from "./prepare-order.js";
import { openPool } from "./prepare-pool.js";
import { DomainReader } from "./prepare-read.js";
import { RejectedFile } from "./prepare-rejected.js";
import { ShardSeries } from "./prepare-shards.js";
import { recover, Staging } from "./prepare-staging.js";

export interface PrepareProgress {
  /** Bytes of text read, and of the input files (which are larger or, compressed, smaller). */
  readonly bytes: number;
  readonly inputBytes: number;
  /** Tokens written. */
  readonly tokens: number;
}

export interface PrepareDomainOptions {
  readonly domain: string;
  /** Files and folders of documents. */
  readonly paths: readonly string[];
  /** The domain's folder: `train/`, `held-out/` and `manifest.json` come in here. */
  readonly folder: string;
  readonly tokenizer: Tokenizer;
  readonly choices: PrepareChoices;
  /** What a record of the files is; absent: a document. */
  readonly records?: RecordReader;
  /** Encoding threads; 1: the calling thread encodes. Null: one per core, but no more than the inputs' size makes worthwhile. */
  readonly workers: number | null;
  /** Writes again what is up to date, and over a folder that is not ours. */
  readonly force?: boolean;
  readonly onProgress?: (progress: PrepareProgress) => void;
  /** The compiled worker, for callers that run from source. */
  readonly workerScript?: URL;
}

export interface PreparedDomain {
  readonly manifest: Manifest;
  /** `kept`: nothing had changed. `resumed`: some shards were there from an interrupted run. */
  readonly outcome: "written" | "resumed" | "kept";
  readonly seconds: number;
  /** Text encoded in this run over the processor time that reading, encoding and writing took in all threads; 0 when nothing was. */
  readonly megabytesPerSecondPerCore: number;
}

/** Tokens of a shard: 128 MB at two bytes each. */
export const SHARD_TOKENS = 2 ** 26;
const BYTES_PER_WORKER = 2 ** 24;
/**
 * Prepares a domain, unless it is up to date. Stopped at any moment, the old shards are whole and the next run goes on after the last
 * finished new one.
 * @throws UserError when documents cannot be read, none is left on a side, the folder is not ours, or the disk is full.
 */
export async function prepareDomain(options: PrepareDomainOptions): Promise<PreparedDomain> {
  const { folder, tokenizer, force = false } = options;
  const start = performance.now();
  await recover(folder);
  const known = await knownManifest(folder, force);
  const { fingerprint, vocabulary, endOfText, beginOfText } = tokenizer;
  const recipe: Recipe = {
    domain: options.domain,
    inputs: await describeInputs(options.paths, dirname(folder), known?.inputs ?? []),
    tokenizer: { fingerprint, vocabulary, endOfText, beginOfText },
    choices: options.choices,
  };
  const key = recipeKey(recipe);
  if (!force && known?.key === key && (await shardsStand(folder, known.shards)))
    return { manifest: known, outcome: "kept", seconds: secondsSince(start), megabytesPerSecondPerCore: 0 };
  const staging = await Staging.open(folder, key);
  const resumed = staging.finished.train.length + staging.finished.heldOut.length > 0;
  const workers = options.workers ?? worthwhileWorkers(recipe);
  const processor = process.cpuUsage();
  const { shards, counts, encodedBytes } = await writeDomain(options, recipe, staging, workers);
  const { user, system } = process.cpuUsage(processor);
  const megabytesPerSecondPerCore = encodedBytes / (user + system);
  const manifest: Manifest = { version: MANIFEST_VERSION, key, ...recipe, shards, counts };
  await staging.publish(manifest);
  const outcome = resumed ? "resumed" : "written";
  return { manifest, outcome, seconds: secondsSince(start), megabytesPerSecondPerCore };
}

/** A thread has to load the tokenizer first: it needs something to do. */
function worthwhileWorkers({ inputs }: Recipe): number {
  const bytes = inputs.reduce((sum, input) => sum + input.bytes, 0);
  return Math.max(1, Math.min(availableParallelism(), Math.floor(bytes / BYTES_PER_WORKER)));
}

async function knownManifest(folder: string, force: boolean): Promise<Manifest | null> {
  const path = join(folder, "manifest.json");
  if (force) return null;
  const known = await readManifest(path);
  if (known === null && (await exists(folder)) && (await readdir(folder)).length > 0)
    throw new UserError({
      what: "this folder holds something that prepare did not write",
      where: folder,
      hint: "move it away, or run prepare with --force to replace it",
    });
  return known;
}

async function writeDomain(
  options: PrepareDomainOptions,
  recipe: Recipe,
  staging: Staging,
  workers: number,
): Promise<Pick<Manifest, "shards" | "counts"> & { encodedBytes: number }> {
  const { tokenizer, choices } = options;
  const record = (): Promise<void> => staging.record({ train: train.entries, heldOut: heldOut.entries });
  const series = (side: Side): ShardSeries =>
    new ShardSeries({
      folder: staging.folder,
      side,
      header: {
        domain: options.domain,
        tokenizer: tokenizer.fingerprint,
        ...sizes(tokenizer),
        lossMask: choices.conversations !== undefined,
        source: true,
      },
      shardTokens: choices.shardTokens,
      finished: staging.finished[side],
      onShard: record,
    });
  await using train = series("train");
  await using heldOut = series("heldOut");
  await using pool = openPool(tokenizer, { path: tokenizer.path, ...choices }, workers, options.workerScript);
  using rejected = new RejectedFile(staging.folder);
  const reader = new DomainReader({ ...options, onRejected: (why, raw) => rejected.add(why, raw) }, { train, heldOut });
  const inputBytes = recipe.inputs.reduce((sum, { bytes }) => sum + bytes, 0);
  await encodeInOrder(reader, pool, { train, heldOut }, (tokens) =>
    options.onProgress?.({ bytes: reader.report.bytes, inputBytes, tokens }),
  );
  await train.finishShard();
  await heldOut.finishShard();
  const shards = { train: train.entries, heldOut: heldOut.entries };
  checkSides(options, shards);
  return { shards, counts: reader.counts(shards), encodedBytes: reader.encodedBytes };
}

function sizes({ vocabulary, endOfText }: Tokenizer): { vocabulary: number; endOfText: number } {
  return { vocabulary, endOfText };
}

function checkSides({ domain, paths, choices }: PrepareDomainOptions, { train, heldOut }: Manifest["shards"]): void {
  if (train.length === 0)
    throw new UserError({ what: `the domain \`${domain}\` has no document to train on`, where: paths.join(", ") });
  if (heldOut.length === 0 && choices.heldOut > 0)
    throw new UserError({
      what: `no document of the domain \`${domain}\` fell into the held-out share`,
      where: paths.join(", "),
      got: `${train.reduce((sum, { documents }) => sum + documents, 0)} documents, of which ${100 * choices.heldOut}% were to be held out`,
      hint: "raise heldOut, or set it to 0% to do without an evaluation of this domain",
    });
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
