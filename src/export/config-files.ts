/** The small files of an exported folder, from those of its source: what the model is, how text becomes tokens, where generation ends. */
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { canonicalJson } from "../base/fingerprint.js";
import { companionsIn, GENERATION_FILE, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE } from "../checkpoint/companions.js";
import { CONFIG_FILE } from "../checkpoint/format.js";
import { isObject, type JsonObject, readJsonObject } from "../checkpoint/json.js";
import type { StoredDtype } from "../checkpoint/safetensors-header.js";
import { readTokenizerFile, type TokenizerFile } from "../data/tokenizer/tokenizer-file.js";
import type { Architecture } from "../model/architecture.js";
import { fromHuggingFaceConfig } from "../model/hugging-face.js";

/** A folder of templates by name, which `transformers` reads since 4.50; the export holds files only. */
const MORE_TEMPLATES = "additional_chat_templates";

export interface ConfigFiles {
  /** Name → content of the files that are written anew. */
  readonly written: Readonly<Record<string, JsonObject>>;
  /** Name → path of the files that are copied. */
  readonly copied: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/**
 * @param folder of the source, whose `config.json` is known to be good.
 * @throws UserError when a file of the tokenizer is damaged or its vocabulary is larger than the model's.
 */
export async function configFiles(
  folder: string,
  architecture: Architecture,
  dtype: StoredDtype,
): Promise<ConfigFiles> {
  const { [GENERATION_FILE]: generation, ...copied } = await companionsIn(folder);
  const config = exportedConfig(await readJsonObject(join(folder, CONFIG_FILE)), dtype);
  if (canonicalJson(fromHuggingFaceConfig(config)) !== canonicalJson(architecture))
    throw new Error("the config.json to be written describes another architecture");
  const { [TOKENIZER_FILE]: tokenizerPath, [TOKENIZER_CONFIG_FILE]: settingsPath } = copied;
  const tokenizer = tokenizerPath === undefined ? null : await readTokenizerFile(tokenizerPath);
  if (tokenizer !== null) checkVocabulary(tokenizer, architecture.vocabulary);
  const settings = settingsPath === undefined ? null : await readJsonObject(settingsPath);
  const tokens = tokenIds(config, settings, tokenizer);
  const written: Record<string, JsonObject> = {
    [CONFIG_FILE]: config,
    [GENERATION_FILE]: generation === undefined ? generationConfig(tokens) : await readJsonObject(generation),
  };
  if (settings === null && tokenizer !== null)
    written[TOKENIZER_CONFIG_FILE] = tokenizerConfig(tokenizer, tokens, architecture.maxLength);
  const warnings = tokenizer === null ? [noTokenizer(folder, copied)] : [];
  if (await exists(join(folder, MORE_TEMPLATES))) warnings.push(`${join(folder, MORE_TEMPLATES)} is not exported`);
  return { written, copied, warnings };
}

function noTokenizer(folder: string, copied: ConfigFiles["copied"]): string {
  const missing = `${folder} has no ${TOKENIZER_FILE}`;
  return "tokenizer.model" in copied
    ? `${missing}; tokenizer.model goes along`
    : `${missing}: the export has no tokenizer`;
}

/**
 * The source's fields with the type of the exported weights. It stands as `torch_dtype`, and rotary fields in the form of version 4 of
 * `transformers`: version 5 reads both forms, everything older only these.
 */
export function exportedConfig(source: JsonObject, dtype: StoredDtype): JsonObject {
  const { dtype: _, torch_dtype: __, rope_parameters: rope, ...rest } = source;
  return {
    ...rest,
    ...(isObject(rope) ? olderRope(rest, rope) : {}),
    torch_dtype: dtype === "BF16" ? "bfloat16" : "float32",
  };
}

function olderRope(config: JsonObject, { rope_theta: theta, ...rope }: JsonObject): JsonObject {
  const scaling = (rope.rope_type ?? "default") === "default" ? null : rope;
  return {
    ...(theta === undefined ? {} : { rope_theta: theta }),
    ...(config.rope_scaling === undefined || config.rope_scaling === null ? { rope_scaling: scaling } : {}),
  };
}

interface TokenIds {
  readonly begin: number | null;
  /** Every token that ends an answer, the model's own first. */
  readonly ends: readonly number[];
  readonly padding: number | null;
}

/** What `config.json` says, then what the tokenizer's settings name: chat models end a document with one token and a turn with another. */
function tokenIds(config: JsonObject, settings: JsonObject | null, tokenizer: TokenizerFile | null): TokenIds {
  const named = (role: string): number | null => {
    const value = settings?.[role];
    const text = isObject(value) ? value.content : value;
    return typeof text === "string" ? (tokenizer?.idOf(text) ?? null) : null;
  };
  const ends = [config.eos_token_id].flat().filter(isId);
  const turn = named("eos_token");
  return {
    begin: isId(config.bos_token_id) ? config.bos_token_id : named("bos_token"),
    ends: turn === null || ends.includes(turn) ? ends : [...ends, turn],
    padding: isId(config.pad_token_id) ? config.pad_token_id : named("pad_token"),
  };
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function generationConfig({ begin, ends, padding }: TokenIds): JsonObject {
  return {
    _from_model_config: true,
    ...(begin === null ? {} : { bos_token_id: begin }),
    ...(ends.length === 0 ? {} : { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(padding === null ? {} : { pad_token_id: padding }),
  };
}

/** The least with which `transformers` opens a `tokenizer.json`, with the model's special tokens by name. */
function tokenizerConfig(
  { modelIds, addedTokens }: TokenizerFile,
  { begin, ends, padding }: TokenIds,
  maxLength: number,
): JsonObject {
  const textById = new Map([...modelIds].map(([text, id]) => [id, text]));
  for (const { content, id } of addedTokens) textById.set(id, content);
  const text = (id: number | null | undefined): string | null => textById.get(id ?? Number.NaN) ?? null;
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: text(begin),
    eos_token: text(ends[0]),
    ...(padding === null ? {} : { pad_token: text(padding) }),
    model_max_length: maxLength,
    clean_up_tokenization_spaces: false,
  };
}

function checkVocabulary({ path, vocabulary }: TokenizerFile, rows: number): void {
  if (vocabulary <= rows) return;
  throw new UserError({
    what: "this tokenizer has ids that the model has no embedding for",
    where: path,
    expected: `ids below ${rows}`,
    got: `up to ${vocabulary - 1}`,
  });
}
