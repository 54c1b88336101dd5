/** The tokenizer of a plan: a given file, one with tokens added to it, or one trained on a sample of the domains and kept as long as nothing it was made from changes. */
import { dirname, join } from "node:path";
import { UserError } from "../../base/errors.js";
import { exists, readJson, writeFileAtomic } from "../../base/files.js";
import { fingerprintOf, hashFile } from "../../base/fingerprint.js";
import type { DataPlan, DomainPlan, TokenizerPlan } from "../../config/plan.js";
import { trainBpe, writeTokenizer } from "../tokenizer/bpe-train.js";
import { extendTokenizer } from "../tokenizer/extend-tokenizer.js";
import { loadTokenizer, type Tokenizer } from "../tokenizer/tokenizer.js";
import { describeInputs, type InputFile } from "./manifest.js";
import { sampleTexts } from "./prepare-sample.js";

const VERSION = 1;

/** What is written beside a tokenizer that was made here. */
interface TokenizerRecord {
  readonly version: typeof VERSION;
  readonly key: string;
  /** Of the tokenizer itself; null: it was not finished. */
  readonly fingerprint: string | null;
  readonly sampledBytes: number;
  readonly inputs: readonly InputFile[];
}

export interface TokenizerOptions {
  readonly skipInvalid: number;
  readonly force: boolean;
  readonly onProgress?: (text: string) => void;
}

export interface PreparedTokenizer {
  readonly tokenizer: Tokenizer;
  readonly outcome: "given" | "extended" | "trained" | "kept";
  readonly seconds: number;
  /** Bytes of text it was trained on; null for a given one. */
  readonly sampledBytes: number | null;
}

/** @throws UserError when the file cannot be used, there is nothing to train on, or a tokenizer that is not ours stands in the way. */
export async function prepareTokenizer(data: DataPlan, options: TokenizerOptions): Promise<PreparedTokenizer> {
  const start = performance.now();
  const { tokenizer: plan, folder } = data;
  const done = (
    tokenizer: Tokenizer,
    outcome: PreparedTokenizer["outcome"],
    sampledBytes: number | null,
  ): PreparedTokenizer => ({ tokenizer, outcome, seconds: (performance.now() - start) / 1000, sampledBytes });
  if (plan.kind === "file") return done(await loadTokenizer(plan.path), "given", null);
  if (plan.kind === "extended") return done(await extend(plan, options), "extended", null);
  const known = await knownRecord(plan.path, options.force);
  const sources = documentSources(data);
  const inputs: InputFile[] = [];
  for (const { paths } of sources) inputs.push(...(await describeInputs(paths, folder, known?.inputs ?? [])));
  const key = fingerprintOf({
    version: VERSION,
    inputs: inputs.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
    heldOut: sources.map(({ heldOut }) => heldOut),
    vocabulary: plan.vocabulary,
    sampleBytes: plan.sampleBytes,
  });
  if (known?.key === key) {
    const tokenizer = await loadTokenizer(plan.path);
    if (tokenizer.fingerprint === known.fingerprint) return done(tokenizer, "kept", known.sampledBytes);
  }
  const texts = await sampleDomains(sources, plan.sampleBytes, options);
  const sampledBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const tokenizer = await train(
    texts,
    plan,
    { version: VERSION, key, fingerprint: null, sampledBytes, inputs },
    options,
  );
  return done(tokenizer, "trained", sampledBytes);
}

/** The record is written first, without the fingerprint: a run stopped between the files leaves a tokenizer that is known as ours, and unfinished. */
async function train(
  texts: readonly string[],
  { path, vocabulary }: { readonly path: string; readonly vocabulary: number },
  record: TokenizerRecord,
  { onProgress }: TokenizerOptions,
): Promise<Tokenizer> {
  const trained = await trainBpe(texts, {
    vocabulary,
    onProgress: ({ phase, done }) => onProgress?.(`tokenizer: ${phase} ${done}`),
  });
  await writeRecord(path, record);
  await writeTokenizer(path, trained);
  const tokenizer = await loadTokenizer(path);
  await writeRecord(path, { ...record, fingerprint: tokenizer.fingerprint });
  return tokenizer;
}

/** Extending takes a second, so that it is done again whatever there was; what was not made here stays. */
async function extend(
  { path, base, add }: Extract<TokenizerPlan, { kind: "extended" }>,
  { force }: TokenizerOptions,
): Promise<Tokenizer> {
  await knownRecord(path, force);
  const record = {
    version: VERSION as typeof VERSION,
    key: fingerprintOf({ base: await hashFile(base), add }),
    sampledBytes: 0,
    inputs: [],
  };
  await writeRecord(path, { ...record, fingerprint: null });
  await extendTokenizer(base, add, path);
  const tokenizer = await loadTokenizer(path);
  await writeRecord(path, { ...record, fingerprint: tokenizer.fingerprint });
  return tokenizer;
}

function writeRecord(path: string, content: TokenizerRecord): Promise<void> {
  return writeFileAtomic(recordOf(path), `${JSON.stringify(content, null, 2)}\n`);
}

function recordOf(path: string): string {
  return join(dirname(path), "tokenizer.manifest.json");
}

type Documents = NonNullable<DomainPlan["documents"]>;

function documentSources({ domains }: DataPlan): Documents[] {
  const sources = domains.flatMap(({ documents }) =>
    documents === null || documents.conversations !== null ? [] : [documents],
  );
  if (sources.length > 0) return sources;
  throw new UserError({
    what: "there is nothing to train a tokenizer on",
    where: "data.tokenizer",
    expected: "a domain with `documents`",
    hint: "name the tokenizer that the shards were made with: `tokenizer: { file: … }`",
  });
}

/** Every domain gives the same number of bytes, or all it has. */
async function sampleDomains(
  sources: readonly Documents[],
  sampleBytes: number,
  { skipInvalid, onProgress }: TokenizerOptions,
): Promise<string[]> {
  const texts: string[] = [];
  const bytes = Math.ceil(sampleBytes / sources.length);
  for (const { paths, heldOut } of sources) {
    const onRead = (read: number): void => onProgress?.(`tokenizer: sampling, ${(read / 1e6).toFixed(0)} MB read`);
    for (const text of await sampleTexts({ paths, heldOut, bytes, skipInvalid, onRead })) texts.push(text);
  }
  return texts;
}

/** A record that is damaged means training again; a tokenizer without a record is somebody else's. */
async function knownRecord(path: string, force: boolean): Promise<TokenizerRecord | null> {
  if (force || !(await exists(path))) return null;
  if (!(await exists(recordOf(path))))
    throw new UserError({
      what: "a tokenizer that prepare did not make is in the way",
      where: path,
      hint: "use it with `tokenizer: { file: … }`, move it away, or run prepare with --force to replace it",
    });
  const content = await readJson(recordOf(path)).catch(() => null);
  return isRecord(content) ? content : null;
}

function isRecord(content: unknown): content is TokenizerRecord {
  if (content === null || typeof content !== "object") return false;
  const { version, key, fingerprint, sampledBytes, inputs } = content as Record<string, unknown>;
  return (
    version === VERSION &&
    typeof key === "string" &&
    (fingerprint === null || typeof fingerprint === "string") &&
    typeof sampledBytes === "number" &&
    Array.isArray(inputs)
  );
}
