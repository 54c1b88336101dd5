/**
 * Recognises sentencepiece-style BPE with byte fallback (Llama 2, Mistral and kin): words carry their space as `▁`, pieces start as
 * characters, and a character without a token becomes the tokens of its UTF-8 bytes, `<0xE2>` and the like.
 * Meaning of the parts as in Hugging Face `tokenizers` (`normalizers/prepend.rs`, `pre_tokenizers/metaspace.rs`, `models/bpe/model.rs`).
 */
import type { BpeModel } from "./bpe-encoder.js";
import { isPlainBpe, readMerges } from "./bpe-model.js";
import { PairTable } from "./bpe-pairs.js";
import type { BpeShape } from "./bpe-shape.js";
import { type Fields, isFields, type TokenizerFile } from "./tokenizer-file.js";

type Normalize = BpeShape["normalize"];
type Split = BpeShape["split"];

/**
 * The parts of such a tokenizer; null when it is another kind.
 * @throws UserError when a merge names a token that is not in the vocabulary.
 */
export function characterBpeShape(file: TokenizerFile): BpeShape | null {
  if (!isPlainBpe(file) || file.model["byte_fallback"] !== true || file.model["ignore_merges"] === true) return null;
  const steps = listNormalizers(file.normalizer).map(normalizerOf);
  const known = steps.filter((step) => step !== null);
  const words = wordSplitter(file.preTokenizer);
  const model = known.length < steps.length || words === null ? null : characterModel(file);
  if (model === null || words === null) return null;
  const seams = new Seams(file, model.merges);
  return {
    kind: "character-bpe",
    model,
    normalize: (text) => known.reduce((now, step) => step(now), text),
    split: (section, first, emit) => words(section, first, (word) => seams.cut(word, emit)),
  };
}

function listNormalizers(normalizer: unknown): unknown[] {
  if (normalizer === null || !isFields(normalizer)) return normalizer === null ? [] : [normalizer];
  const { type, normalizers } = normalizer;
  return type === "Sequence" && Array.isArray(normalizers) ? normalizers.flatMap(listNormalizers) : [normalizer];
}

function normalizerOf(step: unknown): Normalize | null {
  if (!isFields(step)) return null;
  const { type, prepend, pattern, content } = step;
  if (type === "NFC") return (text) => text.normalize("NFC");
  if (type === "Prepend" && typeof prepend === "string") return (text) => (text === "" ? "" : prepend + text);
  if (type !== "Replace" || !isFields(pattern) || typeof content !== "string") return null;
  const searched = pattern["String"];
  return typeof searched === "string" && searched !== "" ? (text) => text.replaceAll(searched, () => content) : null;
}

/** Without a pre-tokenizer a section is one word. */
function wordSplitter(preTokenizer: Fields | null): Split | null {
  if (preTokenizer === null) return (section, _first, emit) => emit(section);
  const { type, replacement, split } = preTokenizer;
  if (type !== "Metaspace" || typeof replacement !== "string" || [...replacement].length !== 1) return null;
  const scheme = preTokenizer["prepend_scheme"] ?? (preTokenizer["add_prefix_space"] === false ? "never" : "always");
  if (scheme !== "always" && scheme !== "first" && scheme !== "never") return null;
  return (section, first, emit) => {
    const spaced = section.replaceAll(" ", () => replacement);
    const prefix = (scheme === "always" || (scheme === "first" && first)) && !spaced.startsWith(replacement);
    const text = prefix ? replacement + spaced : spaced;
    if (split === false) emit(text);
    else cutBefore(text, replacement, emit);
  };
}

function cutBefore(text: string, mark: string, emit: (word: string) => void): void {
  for (let start = 0; start < text.length; ) {
    const next = text.indexOf(mark, start + 1);
    const end = next < 0 ? text.length : next;
    emit(text.slice(start, end));
    start = end;
  }
}

function characterModel(file: TokenizerFile): BpeModel | null {
  const { modelIds } = file;
  const byteIds = Array.from({ length: 256 }, (_, byte) => modelIds.get(byteToken(byte)));
  if (byteIds.includes(undefined)) return null;
  const merges = readMerges(file);
  const isByte = new Set(byteIds);
  // A merge of bytes would make the bytes of a character part of a token, which no file of this kind has.
  if (merges.some((id) => isByte.has(id))) return null;
  const symbols = (piece: string): Int32Array =>
    Int32Array.from(
      Array.from(piece).flatMap((character) => {
        const id = modelIds.get(character);
        return id === undefined ? Array.from(Buffer.from(character, "utf8"), (byte) => byteIds[byte] ?? 0) : [id];
      }),
    );
  return { symbols, merges, wholePiece: null };
}

/** The token of a byte that has no character of its own. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/**
 * Places in a text that no merge can cross, because nothing that merges can make has these two characters as neighbours. Cutting there
 * changes no token, and it makes a document into short pieces that repeat.
 */
class Seams {
  private readonly neighbours = new PairTable();

  constructor({ modelIds }: TokenizerFile, merges: Int32Array) {
    const made = new Set(merges.filter((_, at) => at % 3 === 2));
    for (const [token, id] of modelIds) {
      if (!made.has(id)) continue;
      const points = Array.from(token, (character) => character.codePointAt(0) ?? 0);
      for (let at = 1; at < points.length; at++) this.neighbours.add(points[at - 1], points[at]);
    }
  }

  cut(text: string, emit: (piece: string) => void): void {
    let start = 0;
    let before = text.codePointAt(0) ?? 0;
    for (let at = before > 0xffff ? 2 : 1; at < text.length; ) {
      const point = text.codePointAt(at) ?? 0;
      if (this.neighbours.find(before, point) === null) {
        emit(text.slice(start, at));
        start = at;
      }
      before = point;
      at += point > 0xffff ? 2 : 1;
    }
    if (start < text.length) emit(text.slice(start));
  }
}
