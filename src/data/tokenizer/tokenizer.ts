/**
 * Text to token ids and back, for any Hugging Face `tokenizer.json`. The library decides what a file means; BPE, byte-level or
 * in the manner of sentencepiece, runs through our own encoder, which gives the same ids ten times faster (`scripts/bench-tokenizer.ts`).
 */
import { Tokenizer as HuggingFaceTokenizer, SplitPreTokenizer } from "@huggingface/tokenizers";
import { messageOf, UserError } from "../../base/errors.js";
import { fingerprintOf, sha256 } from "../../base/fingerprint.js";
import { characterBpeShape } from "./bpe-characters.js";
import { BpeEncoder } from "./bpe-encoder.js";
import { type BpeShape, byteBpeShape } from "./bpe-shape.js";
import { textEncoder } from "./bpe-text.js";
import type { TextStream } from "./text-stream.js";
import { textStreamMaker } from "./tokenizer-decoder.js";
import {
  type AddedToken,
  findBeginOfText,
  findEndOfText,
  readTokenizerFile,
  type TokenizerFile,
} from "./tokenizer-file.js";
import type { LibraryTokenizer } from "./tokenizer-library.js";
import { type SpecialTokens, specialTokenFinder } from "./tokenizer-sections.js";

export interface Tokenizer {
  readonly path: string;
  /** Highest id + 1. */
  readonly vocabulary: number;
  /** SHA-256 of everything in the file that can change an id. */
  readonly fingerprint: string;
  /** The token that ends a document. */
  readonly endOfText: number;
  /** The token that the file's post-processor puts before a text, and so stands before every document; null: there is none. */
  readonly beginOfText: number | null;
  /** Which code encodes: ours, for byte-level or for sentencepiece-style BPE, or the library's. */
  readonly encoder: "byte-bpe" | "character-bpe" | "library";
  /** Whether a text contains the spelling of a special token. */
  spellsSpecialToken(text: string): boolean;
  /**
   * The ids of a text, special tokens `literal` unless said otherwise; never cut short. `begin` puts `beginOfText` before them; without it
   * nothing is added, as with `add_special_tokens=False`: a rendered chat template holds its tokens already. Half a surrogate pair counts as
   * U+FFFD.
   */
  encode(text: string, options?: { readonly specialTokens?: SpecialTokens; readonly begin?: boolean }): Int32Array;
  /**
   * The text of ids; ids that no token has are left out. Spaces before punctuation stay, whatever `clean_up_tokenization_spaces` beside the
   * file says: it would change code and tables.
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Decodes id by id: see `TextStream`. Of a decoder of an uncommon kind, all text comes at the end. */
  textStream(options?: DecodeOptions): TextStream;
  /** A token as the vocabulary spells it, or null when no token has this id. */
  tokenText(id: number): string | null;
  /** The id of a token as the vocabulary spells it (`<|im_end|>`), or null when there is no such token. */
  idOf(token: string): number | null;
}

export interface DecodeOptions {
  /** Whether special tokens are written as they are spelt (the default) or left out. */
  readonly specialTokens?: "keep" | "skip";
}

export interface LoadOptions {
  /** `library`: never our own encoder, to compare the two. */
  readonly encoder?: "auto" | "library";
}

/** @throws UserError when the file is absent, damaged, not a tokenizer or of a kind that the library does not know. */
export async function loadTokenizer(path: string, options: LoadOptions = {}): Promise<Tokenizer> {
  const file = await readTokenizerFile(path);
  const [endOfText, beginOfText] = [await findEndOfText(file), findBeginOfText(file)];
  const { addedTokens } = file;
  const shape = options.encoder === "library" ? null : (byteBpeShape(file, compilePattern) ?? characterBpeShape(file));
  // Only what we do not recognise needs the library, which costs as much as all the rest; where it is needed it tells damage at once.
  const library = lazy(() => buildLibrary(file, addedTokens));
  if (shape === null) library();
  const textById = tokenTexts(file);
  const tokenText = (id: number): string | null => textById[id] ?? null;
  const special = new Set(addedTokens.filter((token) => token.special).map(({ id }) => id));
  const plainText = (id: number): string | null => (special.has(id) ? null : tokenText(id));
  const makeStream = textStreamMaker(file.decoder, (ids) => decodeByLibrary(path, library(), ids));
  const textStream: Tokenizer["textStream"] = ({ specialTokens = "keep" } = {}) =>
    makeStream(specialTokens === "keep" ? tokenText : plainText);
  return {
    path,
    vocabulary: file.vocabulary,
    fingerprint: tokenizerFingerprint(file),
    endOfText,
    beginOfText,
    encoder: shape?.kind ?? "library",
    spellsSpecialToken: specialTokenFinder(addedTokens),
    encode: encodeBy(shape === null ? libraryEncoders(file, library) : ourEncoders(shape, addedTokens), beginOfText),
    textStream,
    decode: (ids, options) => decodeAll(textStream(options), ids),
    tokenText,
    idOf: file.idOf,
  };
}

type Encode = (text: string) => Int32Array;
type Encoders = Readonly<Record<SpecialTokens, Encode>>;

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Texts by id; an added token hides a token of the model with the same id, as in Hugging Face. */
function tokenTexts({ modelIds, addedTokens }: TokenizerFile): readonly string[] {
  const texts: string[] = [];
  for (const [token, id] of modelIds) texts[id] = token;
  for (const { content, id } of addedTokens) texts[id] = content;
  return texts;
}

/** Merges count the same however the file writes them. */
function tokenizerFingerprint({ addedTokens, normalizer, preTokenizer, model, modelIds }: TokenizerFile): string {
  const { vocab, merges, ...rest } = model;
  const pairs = Array.isArray(merges)
    ? merges.map((merge: unknown) => (Array.isArray(merge) ? merge.join(" ") : merge))
    : null;
  const vocabulary = Array.isArray(vocab) ? vocab : [...modelIds.keys(), ...modelIds.values()];
  return fingerprintOf({
    addedTokens,
    normalizer,
    preTokenizer,
    model: rest,
    vocabulary: sha256(JSON.stringify(vocabulary)),
    merges: sha256(JSON.stringify(pairs)),
  });
}

function ourEncoders(shape: BpeShape, addedTokens: readonly AddedToken[]): Encoders {
  const encoder = new BpeEncoder(shape.model);
  return {
    literal: textEncoder(shape, encoder, addedTokens, "literal"),
    parse: textEncoder(shape, encoder, addedTokens, "parse"),
  };
}

function libraryEncoders(file: TokenizerFile, library: () => LibraryTokenizer): Encoders {
  const plainTokens = file.addedTokens.filter(({ special }) => !special);
  return {
    literal: slowEncode(
      file,
      lazy(() => buildLibrary(file, plainTokens)),
    ),
    parse: slowEncode(file, library),
  };
}

function encodeBy(encoders: Encoders, beginOfText: number | null): Tokenizer["encode"] {
  return (text, { specialTokens = "literal", begin = false } = {}) => {
    const ids = encoders[specialTokens](text.replace(/\p{Surrogate}/gu, "\ufffd"));
    if (!begin || beginOfText === null) return ids;
    const begun = new Int32Array(1 + ids.length);
    begun[0] = beginOfText;
    begun.set(ids, 1);
    return begun;
  };
}

function buildLibrary(file: TokenizerFile, addedTokens: readonly AddedToken[]): LibraryTokenizer {
  const { normalizer, preTokenizer, model, postProcessor, decoder } = file;
  const content = {
    added_tokens: addedTokens,
    normalizer,
    pre_tokenizer: preTokenizer,
    model,
    post_processor: postProcessor,
    decoder,
  };
  return guarded(file.path, () => new HuggingFaceTokenizer(content, {}));
}

/** The library stumbles over damaged files anywhere, also long after loading them. */
function guarded<Result>(path: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw new UserError(
      {
        what: "this tokenizer cannot be used",
        where: path,
        got: messageOf(error),
        hint: "the file is damaged or of an unknown kind",
      },
      { cause: error },
    );
  }
}

/**
 * The library translates the pattern language of tokenizer files; its own translation keeps both paths in agreement. Null for one that it
 * cannot translate: it then says so itself.
 */
function compilePattern(source: string): RegExp | null {
  try {
    return new SplitPreTokenizer({ type: "Split", pattern: { Regex: source }, behavior: "Isolated", invert: false })
      .pattern;
  } catch {
    return null;
  }
}

function slowEncode(file: TokenizerFile, library: () => LibraryTokenizer): Encode {
  return (text) => {
    const known = library();
    const { ids } = guarded(file.path, () => known.encode(text, { add_special_tokens: false }));
    // Where the model has no token for unknown text, the library leaves holes.
    return Int32Array.from(ids, (id) => {
      if (id !== undefined) return id;
      throw new UserError({ what: "this tokenizer has no token for a part of the text", where: file.path });
    });
  };
}

function decodeAll(stream: TextStream, ids: Iterable<number>): string {
  let text = "";
  for (const id of ids) text += stream.push(id);
  return text + stream.end();
}

function decodeByLibrary(path: string, library: LibraryTokenizer, ids: readonly number[]): string {
  if (ids.length === 0) return "";
  const options = { skip_special_tokens: false, clean_up_tokenization_spaces: false };
  return guarded(path, () => library.decode(ids, options));
}
