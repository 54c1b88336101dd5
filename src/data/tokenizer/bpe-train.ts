/**
 * Trains a byte-level BPE and writes it as the `tokenizer.json` of Hugging Face `tokenizers`, which encodes with it identically.
 * Token 0 ends a document, tokens 1 to 256 are the bytes, then come the merges in order.
 */
import { dirname, join } from "node:path";
import { UserError } from "../../base/errors.js";
import { writeFileAtomic } from "../../base/files.js";
import { findMerges, type Merge } from "./bpe-merges.js";
import type { SplitStage } from "./bpe-split.js";
import { SORTED_ALPHABET, WordCounter } from "./bpe-words.js";

export const END_OF_TEXT = "<|endoftext|>";

/**
 * Pieces, in the order of preference: English contractions; letters and their marks, with one leading character that is no letter (mostly a space);
 * up to three digits; other characters with their line ends; line ends; spaces but the last one before a word; other space.
 * In the manner of Llama 3, but marks stay with their letters, so that Indic and Arabic words stay whole.
 */
export const SPLIT_PATTERN = [
  "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])",
  String.raw`[^\r\n\p{L}\p{M}\p{N}]?[\p{L}\p{M}]+`,
  String.raw`\p{N}{1,3}`,
  String.raw` ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*`,
  String.raw`\s*[\r\n]+`,
  String.raw`\s+(?!\S)`,
  String.raw`\s+`,
].join("|");

/** JavaScript's `\s` and Unicode's white space differ in U+FEFF and U+0085; tokenizers mean Unicode's. */
const STAGES: readonly SplitStage[] = [
  {
    pattern: new RegExp(
      SPLIT_PATTERN.replaceAll("\\s", "\\p{White_Space}").replaceAll("\\S", "\\P{White_Space}"),
      "gu",
    ),
    prefixSpace: false,
  },
];

const SMALLEST_VOCABULARY = 257;
const LARGEST_VOCABULARY = 2 ** 20;

export interface TrainProgress {
  readonly phase: "reading" | "merging";
  /** Bytes of text read, or tokens in the vocabulary. */
  readonly done: number;
}

export interface TrainOptions {
  /** Tokens wanted; fewer come out when the sample has too few repeated pairs. */
  readonly vocabulary: number;
  readonly onProgress?: (progress: TrainProgress) => void;
}

export interface TrainedTokenizer {
  /** Texts of the tokens by id. */
  readonly tokens: readonly string[];
  readonly merges: readonly Merge[];
}

/**
 * Trains on the texts; the same texts in any order give the same tokenizer.
 * @throws UserError when the vocabulary is not between 257 and 2^20.
 */
export async function trainBpe(
  texts: Iterable<string> | AsyncIterable<string>,
  { vocabulary, onProgress }: TrainOptions,
): Promise<TrainedTokenizer> {
  if (!Number.isInteger(vocabulary) || vocabulary < SMALLEST_VOCABULARY || vocabulary > LARGEST_VOCABULARY)
    throw new UserError({
      what: "a byte-level tokenizer cannot have this many tokens",
      expected: `${SMALLEST_VOCABULARY} (all bytes and the end of a document) to ${LARGEST_VOCABULARY}`,
      got: String(vocabulary),
    });
  const counter = new WordCounter(STAGES);
  let bytes = 0;
  for await (const text of texts) {
    counter.add(text.replace(/\p{Surrogate}/gu, "\ufffd"));
    bytes += Buffer.byteLength(text);
    onProgress?.({ phase: "reading", done: bytes });
  }
  const tokens = [END_OF_TEXT, ...SORTED_ALPHABET];
  const merges = findMerges(counter.finish(1), tokens, vocabulary, () =>
    onProgress?.({ phase: "merging", done: tokens.length }),
  );
  return { tokens, merges };
}

/** The `tokenizer.json` of a trained tokenizer, as a plain value. */
export function tokenizerJson({ tokens, merges }: TrainedTokenizer): Record<string, unknown> {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [{ id: 0, content: END_OF_TEXT, ...flags }],
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: SPLIT_PATTERN }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(({ left, right }) => [tokens[left], tokens[right]]),
    },
  };
}

/** Writes `tokenizer.json` at `path` and, beside it, the `tokenizer_config.json` that `transformers` needs to open the folder. */
export async function writeTokenizer(path: string, trained: TrainedTokenizer): Promise<void> {
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: null,
    eos_token: END_OF_TEXT,
    clean_up_tokenization_spaces: false,
  };
  await writeFileAtomic(join(dirname(path), "tokenizer_config.json"), `${JSON.stringify(config, null, 2)}\n`);
  await writeFileAtomic(path, `${JSON.stringify(tokenizerJson(trained))}\n`);
}
