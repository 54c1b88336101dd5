/**
 * Recognises the tokenizers that our own encoder reproduces exactly: byte-level BPE (GPT-2, Llama 3, Qwen, SmolLM and kin, and our own).
 * Everything else, however small the difference, is left to the library.
 */
import { UserError } from "../../base/errors.js";
import { BYTE_CHARACTERS } from "./bpe-alphabet.js";
import type { BpeModel } from "./bpe-encoder.js";
import type { SplitStage } from "./bpe-split.js";
import { type Fields, isFields, type TokenizerFile } from "./tokenizer-file.js";

export interface ByteBpeShape {
  readonly model: BpeModel;
  readonly stages: readonly SplitStage[];
  readonly normalization: "NFC" | null;
}

/** Compiles a pattern of a tokenizer.json (Oniguruma syntax) to a global JavaScript expression. */
export type CompilePattern = (pattern: string) => RegExp | null;

/** The pattern that `ByteLevel` implies (Radford et al. 2019). */
const BYTE_LEVEL_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** Heap entries of the encoder hold the rank in 21 bits. */
const MOST_MERGES = 2 ** 21;

/**
 * The parts of a byte-level BPE tokenizer; null when the library must do it.
 * @throws UserError when a merge names a token that is not in the vocabulary.
 */
export function byteBpeShape(file: TokenizerFile, compile: CompilePattern): ByteBpeShape | null {
  const { normalizer } = file;
  if (normalizer !== null && normalizer["type"] !== "NFC") return null;
  const stages = splitStages(file.preTokenizer, compile);
  const model = stages === null ? null : bpeModel(file);
  if (stages === null || model === null) return null;
  return { model, stages, normalization: normalizer === null ? null : "NFC" };
}

function splitStages(preTokenizer: Fields | null, compile: CompilePattern): SplitStage[] | null {
  const listed = preTokenizer?.["type"] === "Sequence" ? preTokenizer["pretokenizers"] : [preTokenizer];
  if (!Array.isArray(listed) || listed.length === 0) return null;
  const stages = listed.map((step: unknown, at) => splitStage(step, at === listed.length - 1, compile));
  return stages.every((stage) => stage !== null) ? stages : null;
}

/** `ByteLevel` turns text into bytes, so that it must come last and nothing else may. */
function splitStage(step: unknown, last: boolean, compile: CompilePattern): SplitStage | null {
  if (!isFields(step) || last !== (step["type"] === "ByteLevel")) return null;
  if (step["type"] === "ByteLevel") {
    const pattern = step["use_regex"] === false ? null : compile(BYTE_LEVEL_PATTERN);
    return { pattern, prefixSpace: step["add_prefix_space"] !== false };
  }
  const source = patternSource(step);
  const pattern = source === null ? null : compile(source);
  return pattern === null ? null : { pattern, prefixSpace: false };
}

function patternSource(step: Fields): string | null {
  if (step["type"] === "Digits") return step["individual_digits"] === true ? "\\p{N}" : "\\p{N}+";
  const pattern = step["pattern"];
  if (step["type"] !== "Split" || step["behavior"] !== "Isolated" || step["invert"] === true || !isFields(pattern))
    return null;
  return typeof pattern["Regex"] === "string" ? pattern["Regex"] : null;
}

function bpeModel({ model, path }: TokenizerFile): BpeModel | null {
  const { type, vocab, merges } = model;
  const absent = (name: string): boolean => [undefined, null, "", 0, false].includes(model[name] as never);
  const plain = ["dropout", "continuing_subword_prefix", "end_of_word_suffix"].every(absent);
  if (type !== "BPE" || !plain || !isFields(vocab) || !Array.isArray(merges) || merges.length > MOST_MERGES)
    return null;
  const ids = new Map(Object.entries(vocab) as [string, number][]);
  const byteIds = BYTE_CHARACTERS.map((character) => ids.get(character));
  if (byteIds.includes(undefined)) return null;
  return {
    byteIds: Int32Array.from(byteIds as number[]),
    merges: merges.map((merge: unknown, rank) => readMerge(merge, ids, `${path}: merge ${rank}`)),
    wholePieces: model["ignore_merges"] === true ? ids : null,
  };
}

function readMerge(merge: unknown, ids: ReadonlyMap<string, number>, where: string): readonly [number, number, number] {
  const parts: unknown = typeof merge === "string" ? merge.split(" ") : merge;
  const [left, right] = Array.isArray(parts) && parts.length === 2 ? (parts as unknown[]) : [];
  if (typeof left !== "string" || typeof right !== "string")
    throw new UserError({ what: "a merge is not a pair of tokens", where, got: JSON.stringify(merge) });
  const found = [left, right, left + right].map((token) => ids.get(token));
  const [a, b, result] = found;
  if (a === undefined || b === undefined || result === undefined)
    throw new UserError({
      what: "a merge names a token that is not in the vocabulary",
      where,
      got: JSON.stringify([left, right]),
      hint: "the file is damaged or was edited by hand: fetch or train it again",
    });
  return [a, b, result];
}
