/** What `prepare` made of a domain and from what: the record that tells whether its shards are up to date, and the figures of its report. */
import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { UserError } from "../../base/errors.js";
import { exists, readJson } from "../../base/files.js";
import { fingerprintOf, hashFile } from "../../base/fingerprint.js";
import type { ConversationsPlan } from "../../config/plan.js";
import { listDocumentFiles } from "../../corpus/document-files.js";

export const MANIFEST_VERSION = 1;

export interface InputFile {
  /** Relative to the data folder. */
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970; a file with the same size and time is not hashed again. */
  readonly modified: number;
  readonly sha256: string;
}

export interface ShardEntry {
  /** Relative to the manifest's folder. */
  readonly path: string;
  readonly bytes: number;
  readonly documents: number;
  readonly tokens: number;
  readonly contentHash: string;
}

export type Side = "train" | "heldOut";
export type ShardLists = Readonly<Record<Side, readonly ShardEntry[]>>;

export interface PrepareChoices {
  /** Share of documents held out. */
  readonly heldOut: number;
  readonly skipInvalid: number;
  /** A shard is finished with the document that brings it to this many tokens. */
  readonly shardTokens: number;
  readonly specialTokens: "literal" | "parse";
  /** How conversations become text, the template by its fingerprint; absent for documents. */
  readonly conversations?: Omit<ConversationsPlan, "template"> & { readonly template: string };
}

export interface Recipe {
  readonly domain: string;
  readonly inputs: readonly InputFile[];
  readonly tokenizer: {
    readonly fingerprint: string;
    readonly vocabulary: number;
    readonly endOfText: number;
    readonly beginOfText: number | null;
  };
  readonly choices: PrepareChoices;
}

export interface DomainCounts {
  /** Distinct documents, those held out included. */
  readonly documents: number;
  readonly heldOutDocuments: number;
  /** UTF-8 bytes of their text. */
  readonly bytes: number;
  readonly tokens: number;
  readonly heldOutTokens: number;
  /** Documents dropped because an earlier one has the same text. */
  readonly duplicates: number;
  /** Documents whose text spells a special token of the tokenizer. */
  readonly withSpecialTexts: number;
  readonly rejected: number;
  readonly rejectedExamples: readonly { readonly where: string; readonly why: string }[];
}

export interface Manifest extends Recipe {
  readonly version: typeof MANIFEST_VERSION;
  /** Fingerprint of all that decides the shards' bytes. */
  readonly key: string;
  readonly shards: ShardLists;
  readonly counts: DomainCounts;
}

/** The fingerprint of a recipe: equal recipes make equal shards. When a file was last touched is no part of it. */
export function recipeKey({ domain, inputs, tokenizer, choices }: Recipe): string {
  const content = inputs.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 }));
  return fingerprintOf({ version: MANIFEST_VERSION, domain, inputs: content, tokenizer, choices });
}

/**
 * Sizes and hashes of the files behind `paths`. Hashes of files that did not change since `known` are taken from there.
 * @throws UserError when one cannot be read.
 */
export async function describeInputs(
  paths: readonly string[],
  dataFolder: string,
  known: readonly InputFile[],
): Promise<InputFile[]> {
  const before = new Map(known.map((input) => [input.path, input]));
  const inputs: InputFile[] = [];
  for (const { path } of await listDocumentFiles(paths)) {
    const { size, mtimeMs } = await stat(path);
    const name = relative(dataFolder, path);
    const same = before.get(name);
    const unchanged = same !== undefined && same.bytes === size && same.modified === mtimeMs;
    const sha256 = unchanged ? same.sha256 : await hashFile(path);
    inputs.push({ path: name, bytes: size, modified: mtimeMs, sha256 });
  }
  return inputs;
}

/**
 * The manifest at `path`; null when there is none.
 * @throws UserError when it is damaged or of another version.
 */
export async function readManifest(path: string): Promise<Manifest | null> {
  if (!(await exists(path))) return null;
  const content = await readJson(path);
  if (isManifest(content)) return content;
  throw new UserError({
    what: "this manifest is damaged or was written by another version",
    where: path,
    hint: "run prepare with --force to write the shards again",
  });
}

/** Whether every shard of a manifest stands in `folder` with its size. What is in them is checked by their reader. */
export async function shardsStand(folder: string, { train, heldOut }: ShardLists): Promise<boolean> {
  const sizes = [...train, ...heldOut].map(async ({ path, bytes }) => (await sizeOf(join(folder, path))) === bytes);
  return (await Promise.all(sizes)).every(Boolean);
}

async function sizeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ size }) => size,
    () => null,
  );
}

function isManifest(content: unknown): content is Manifest {
  if (!hasFields(content, ["key", "inputs", "shards", "counts"]) || content["version"] !== MANIFEST_VERSION)
    return false;
  return (
    typeof content["key"] === "string" &&
    Array.isArray(content["inputs"]) &&
    content["inputs"].every((input) => hasFields(input, ["path", "bytes", "modified", "sha256"])) &&
    hasFields(content["counts"], ["documents", "bytes", "tokens", "heldOutTokens", "duplicates", "rejected"]) &&
    isShardLists(content["shards"])
  );
}

/** Whether a value read from a file lists shards of both sides. */
export function isShardLists(value: unknown): value is ShardLists {
  const isList = (list: unknown): boolean =>
    Array.isArray(list) &&
    list.every((shard) => hasFields(shard, ["path", "bytes", "documents", "tokens", "contentHash"]));
  return hasFields(value, ["train", "heldOut"]) && isList(value["train"]) && isList(value["heldOut"]);
}

function hasFields(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && names.every((name) => name in value);
}
