/** A small domain of JSON lines in a temporary folder, and the committed tokenizer to prepare it with. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../../src/base/fingerprint.js";
import type { PrepareChoices } from "../../../src/data/prepare/manifest.js";
import type { PrepareDomainOptions } from "../../../src/data/prepare/prepare.js";
import { openTokenStream } from "../../../src/data/shards/token-stream.js";
import { loadTokenizer } from "../../../src/data/tokenizer/tokenizer.js";
import { trainingTexts } from "../tokenizer/tokenizer-texts.js";
import { GOLDEN_FOLDER } from "../tokenizer/tokenizer-variants.js";

export const CHOICES: PrepareChoices = { heldOut: 0.2, skipInvalid: 0, shardTokens: 3000, specialTokens: "literal" };
export const TEXTS = trainingTexts(80);

export interface Fixture extends AsyncDisposable {
  readonly root: string;
  readonly input: string;
  /** The domain's folder. */
  readonly folder: string;
  readonly options: PrepareDomainOptions;
  write(texts: readonly string[]): Promise<void>;
}

export async function makeFixture(): Promise<Fixture> {
  const root = await mkdtemp(join(tmpdir(), "prepare-"));
  const input = join(root, "documents.jsonl");
  const folder = join(root, "data", "agent");
  await mkdir(join(root, "data"));
  const write = (texts: readonly string[]): Promise<void> =>
    writeFile(input, texts.map((text, at) => `${JSON.stringify({ text, source: `source ${at % 3}` })}\n`).join(""));
  await write(TEXTS);
  const tokenizer = await loadTokenizer(join(GOLDEN_FOLDER, "tokenizer.json"));
  const options = { domain: "agent", paths: [input], folder, tokenizer, choices: CHOICES, workers: 1 };
  return { root, input, folder, options, write, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

/** Hash of every file under a folder, by path. */
export async function filesOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashed = files.sort().map(async (path) => [path.slice(folder.length + 1), sha256(await readFile(path))]);
  return Object.fromEntries(await Promise.all(hashed));
}

/** The shards only: a manifest also says when the inputs were last touched. */
export async function shardsOf(folder: string): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await filesOf(folder)).filter(([path]) => path.endsWith(".arrow")));
}

/** All tokens of one side, cut into documents, each without its end-of-text token. */
export async function documentsOf(folder: string, endOfText: number): Promise<number[][]> {
  await using stream = await openTokenStream(folder);
  const { ids } = await stream.read(0, stream.tokens);
  const documents: number[][] = [];
  let start = 0;
  for (let at = 0; at < ids.length; at++) {
    if (ids[at] !== endOfText) continue;
    documents.push(Array.from(ids.slice(start, at)));
    start = at + 1;
  }
  if (start !== ids.length) throw new Error("the last document has no end");
  return documents;
}
