/**
 * Recognises the tokenizers that our own encoder reproduces exactly as byte-level BPE: GPT-2, Llama 3, Qwen, SmolLM and kin, and our own.
 * `bpe-characters.ts` does it for sentencepiece-style BPE. Everything else, however small the difference, is left to the library.
 */
import { BYTE_CHARACTERS, bytesToCharacters } from "./bpe-alphabet.js";
import type { BpeModel } from "./bpe-encoder.js";
import { isPlainBpe, readMerges } from "./bpe-model.js";
import { type SplitStage, splitText } from "./bpe-split.js";
import { type Fields, isFields, type TokenizerFile } from "./tokenizer-file.js";

/** All that turns text into ids, but for the added tokens. */
export interface BpeShape {
  readonly kind: "byte-bpe" | "character-bpe";
  readonly model: BpeModel;
  readonly normalize: (text: string) => string;
  /** Calls `emit` with the pieces of a section of normalized text; `first`: nothing stands before it. */
  readonly split: (section: string, first: boolean, emit: (piece: string) => void) => void;
}

/** Compiles a pattern of a tokenizer.json (Oniguruma syntax) to a global JavaScript expression. */
export type CompilePattern = (pattern: string) => RegExp | null;

/** The pattern that `ByteLevel` implies (Radford et al. 2019). */
const BYTE_LEVEL_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * The parts of a byte-level BPE tokenizer; null when it is another kind.
 * @throws UserError when a merge names a token that is not in the vocabulary.
 */
export function byteBpeShape(file: TokenizerFile, compile: CompilePattern): BpeShape | null {
  const { normalizer } = file;
  if (!isPlainBpe(file) || (normalizer !== null && normalizer["type"] !== "NFC")) return null;
  const stages = splitStages(file.preTokenizer, compile);
  const model = stages === null ? null : byteModel(file);
  if (stages === null || model === null) return null;
  return {
    kind: "byte-bpe",
    model,
    normalize: normalizer === null ? (text) => text : (text) => text.normalize("NFC"),
    split: (section, _first, emit) => splitText(section, stages, emit),
  };
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

function byteModel(file: TokenizerFile): BpeModel | null {
  const { model, modelIds } = file;
  const byteIds = BYTE_CHARACTERS.map((character) => modelIds.get(character)).filter((id) => id !== undefined);
  if (byteIds.length < BYTE_CHARACTERS.length) return null;
  const whole = (piece: string): number | null => modelIds.get(bytesToCharacters(Buffer.from(piece, "utf8"))) ?? null;
  return {
    symbols: (piece) => Int32Array.from(Buffer.from(piece, "utf8"), (byte) => byteIds[byte]),
    merges: readMerges(file),
    wholePiece: model["ignore_merges"] === true ? whole : null,
  };
}
