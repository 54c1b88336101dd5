/** Reads a Hugging Face `tokenizer.json` and checks what it claims, before anything is built or allocated from it. */
import { dirname, join } from "node:path";
import { UserError } from "../../base/errors.js";
import { exists, readJson } from "../../base/files.js";

/** A token that is looked for in the text itself, before the model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Looked for after the normalizer has run instead of before. */
  readonly normalized: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly single_word: boolean;
}

export type Fields = Readonly<Record<string, unknown>>;

export interface TokenizerFile {
  readonly path: string;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Fields | null;
  readonly preTokenizer: Fields | null;
  readonly model: Fields;
  readonly postProcessor: Fields | null;
  readonly decoder: Fields | null;
  /** Ids of the model's tokens. */
  readonly modelIds: ReadonlyMap<string, number>;
  /** The id of a token: an added one, or else the model's. */
  readonly idOf: (token: string) => number | null;
  /** Highest id + 1. */
  readonly vocabulary: number;
}

/** Far above every published vocabulary; an id beyond it is damage, and would size the model's embedding. */
const HIGHEST_ID = 2 ** 22;

/** Levels of lists and objects; real files have eight at most. Without an end to them, code that follows them runs out of stack. */
const DEEPEST = 24;

/** @throws UserError when the file is absent, not JSON, not a tokenizer, or contradicts itself. */
export async function readTokenizerFile(path: string): Promise<TokenizerFile> {
  const content = await readJson(path);
  const problem = (what: string, got?: unknown): UserError =>
    new UserError({
      what,
      where: path,
      expected: "a tokenizer.json of Hugging Face `tokenizers`",
      ...(got === undefined ? {} : { got: String(JSON.stringify(got)).slice(0, 80) }),
    });
  if (!isFields(content) || !isFields(content["model"])) throw problem("this file holds no tokenizer model");
  if (isDeeperThan(content, DEEPEST)) throw problem("this file nests lists and objects without end");
  const added = content["added_tokens"] ?? [];
  if (!Array.isArray(added)) throw problem("`added_tokens` is not a list", added);
  const part = (name: string): Fields | null => {
    const value = content[name] ?? null;
    if (value !== null && !isFields(value)) throw problem(`\`${name}\` is not an object`, value);
    return value;
  };
  if (!hasPatterns(part("pre_tokenizer"))) throw problem("a `Split` of the pre-tokenizer has no pattern");
  const addedTokens = added.map((token: unknown) => readAddedToken(token, problem));
  const modelIds = readVocabulary(content["model"], problem);
  const addedIds = new Map(addedTokens.map(({ content: text, id }) => [text, id]));
  checkAddedIds(addedTokens, modelIds, path);
  return {
    path,
    addedTokens,
    normalizer: part("normalizer"),
    preTokenizer: part("pre_tokenizer"),
    model: { ...content["model"], type: modelType(content["model"]) },
    postProcessor: part("post_processor"),
    decoder: part("decoder"),
    modelIds,
    idOf: (token) => addedIds.get(token) ?? modelIds.get(token) ?? null,
    vocabulary: Math.max(highestId(modelIds, problem), highestId(addedIds, problem)) + 1,
  };
}

function highestId(ids: ReadonlyMap<string, number>, problem: (what: string, got: unknown) => UserError): number {
  let highest = 0;
  for (const [token, id] of ids) {
    if (!isId(id)) throw problem(`the id of the token ${JSON.stringify(token).slice(0, 80)} is not usable`, id);
    if (id > highest) highest = id;
  }
  return highest;
}

/**
 * Hugging Face does not believe the ids of added tokens: one that the model knows keeps the model's, the others are numbered after the
 * vocabulary in the order of the file (`add_tokens` of `added_vocabulary.rs`). A file that says something else means two things at once.
 */
function checkAddedIds(tokens: readonly AddedToken[], modelIds: ReadonlyMap<string, number>, where: string): void {
  const given = new Map<string, number>();
  let next = modelIds.size;
  for (const { content, id } of tokens) {
    const expected = given.get(content) ?? modelIds.get(content) ?? next;
    if (id !== expected)
      throw new UserError({
        what: `Hugging Face gives the added token ${JSON.stringify(content).slice(0, 80)} another id than this file`,
        where,
        expected: String(expected),
        got: String(id),
        hint: "number added tokens without gaps behind the model's vocabulary, in the order of the file",
      });
    given.set(content, id);
    next = Math.max(next, id + 1);
  }
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== "object") return false;
  if (levels === 0) return true;
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return items.some((item) => isDeeperThan(item, levels - 1));
}

/** Without its pattern a `Split` would silently drop all text. */
function hasPatterns(preTokenizer: unknown): boolean {
  if (!isFields(preTokenizer)) return true;
  const { type, pretokenizers, pattern } = preTokenizer;
  if (type === "Sequence") return !Array.isArray(pretokenizers) || pretokenizers.every(hasPatterns);
  if (type !== "Split") return true;
  return isFields(pattern) && (typeof pattern["Regex"] === "string" || typeof pattern["String"] === "string");
}

function readAddedToken(token: unknown, problem: (what: string, got: unknown) => UserError): AddedToken {
  if (!isFields(token) || typeof token["content"] !== "string" || token["content"] === "" || !isId(token["id"]))
    throw problem("an entry of `added_tokens` needs a text and an id", token);
  const special = token["special"] === true;
  return {
    id: token["id"],
    content: token["content"],
    special,
    normalized: typeof token["normalized"] === "boolean" ? token["normalized"] : !special,
    lstrip: token["lstrip"] === true,
    rstrip: token["rstrip"] === true,
    single_word: token["single_word"] === true,
  };
}

/** A vocabulary is an object of ids, or (Unigram) a list of tokens with scores. */
function readVocabulary(model: Fields, problem: (what: string, got: unknown) => UserError): Map<string, number> {
  const vocabulary = model["vocab"];
  if (Array.isArray(vocabulary))
    return new Map(vocabulary.map((entry: unknown, id) => [unigramToken(entry, problem), id]));
  if (!isFields(vocabulary)) throw problem("the model has no vocabulary", vocabulary);
  const ids = new Map<string, number>();
  // Faster than `Object.entries` for a hundred thousand names; the ids are checked by the caller.
  for (const token in vocabulary) ids.set(token, vocabulary[token] as number);
  if (ids.size === 0) throw problem("the model's vocabulary is empty", vocabulary);
  return ids;
}

function unigramToken(entry: unknown, problem: (what: string, got: unknown) => UserError): string {
  if (Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number") return entry[0];
  throw problem("an entry of the vocabulary is not a token with its score", entry);
}

/** Old files do not name the model's type; each type has a field that no other has. */
function modelType(model: Fields): unknown {
  if (model["type"] !== undefined) return model["type"];
  if ("merges" in model) return "BPE";
  if (Array.isArray(model["vocab"])) return "Unigram";
  return "continuing_subword_prefix" in model ? "WordPiece" : "WordLevel";
}

/** A document's end by name: these win over the end-of-turn token that chat models name as `eos_token`. */
const DOCUMENT_ENDS = ["<|endoftext|>", "<|end_of_text|>"];
const OTHER_ENDS = ["</s>", "<eos>", "<｜end▁of▁sentence｜>", "<|im_end|>", "[SEP]"];

/**
 * The token that ends a document: a known name, or `eos_token` of the `tokenizer_config.json` beside the file.
 * @throws UserError when there is none.
 */
export async function findEndOfText({ path, idOf }: TokenizerFile): Promise<number> {
  const named = await namedBeside(path, "eos_token");
  const candidates = [...DOCUMENT_ENDS, ...(named === null ? [] : [named]), ...OTHER_ENDS];
  for (const token of candidates) {
    const id = idOf(token);
    if (id !== null) return id;
  }
  throw new UserError({
    what: "this tokenizer has no token that ends a document",
    where: path,
    expected: [...DOCUMENT_ENDS, ...OTHER_ENDS].join(", "),
    hint: `name one of its tokens as "eos_token" in ${configBeside(path)}`,
  });
}

/**
 * The token that Hugging Face puts before a text: the first of the post-processor's template; null when there is none. A `bos_token` that
 * `tokenizer_config.json` merely names (SmolLM, Qwen) is put before nothing.
 */
export function findBeginOfText({ idOf, postProcessor }: TokenizerFile): number | null {
  const named = templateStart(postProcessor);
  return named === null ? null : idOf(named);
}

function templateStart(processor: unknown): string | null {
  if (!isFields(processor)) return null;
  const { type, processors, single } = processor;
  if (type === "Sequence" && Array.isArray(processors))
    return processors.map(templateStart).find((token) => token !== null) ?? null;
  const first: unknown = type === "TemplateProcessing" && Array.isArray(single) ? single[0] : null;
  const special = isFields(first) ? first["SpecialToken"] : null;
  return isFields(special) && typeof special["id"] === "string" ? special["id"] : null;
}

function configBeside(path: string): string {
  return join(dirname(path), "tokenizer_config.json");
}

/** A token that the configuration beside a tokenizer names, as text or as an object with a `content`. */
async function namedBeside(path: string, name: string): Promise<string | null> {
  const beside = configBeside(path);
  const config = (await exists(beside)) ? await readJson(beside) : null;
  const token = isFields(config) ? config[name] : null;
  const text = isFields(token) ? token["content"] : token;
  return typeof text === "string" ? text : null;
}

export function isFields(value: unknown): value is Fields {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < HIGHEST_ID;
}
