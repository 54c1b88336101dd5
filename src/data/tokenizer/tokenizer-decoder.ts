/**
 * Recognises the decoders that we run ourselves, token by token: byte-level ones (GPT-2, Llama 3, Qwen, SmolLM) and sentencepiece-style ones
 * (Llama 2, Mistral, Gemma). Meaning of each as in Hugging Face `tokenizers` (`tokenizers/src/decoders`).
 */
import {
  ByteLevelStream,
  ByteRuns,
  ChainStream,
  type DecodingStep,
  EachPart,
  type SpellingStream,
  StripStart,
  type TextStream,
} from "./text-stream.js";
import { type Fields, isFields } from "./tokenizer-file.js";

/** Makes fresh streams; null when the decoder is of another kind. */
function spellingStreams(decoder: Fields | null): (() => SpellingStream) | null {
  const listed = listDecoders(decoder);
  if (listed.length === 1 && listed[0]["type"] === "ByteLevel") {
    const known = new Map<string, Buffer>();
    return () => new ByteLevelStream(known);
  }
  const fused = listed.findIndex(({ type }) => type === "Fuse");
  const makers = listed.map((step, at) => stepMaker(step, fused >= 0 && at > fused));
  const known = makers.filter((make) => make !== null);
  if (known.length === 0 || known.length < makers.length) return null;
  return () => new ChainStream(known.map((make) => make()));
}

function listDecoders(decoder: unknown): Fields[] {
  if (!isFields(decoder)) return [];
  const { type, decoders } = decoder;
  return type === "Sequence" && Array.isArray(decoders) ? decoders.flatMap(listDecoders) : [decoder];
}

/** `fused`: all parts before it count as one. Only what looks at the start of that one part is possible there. */
function stepMaker(step: Fields, fused: boolean): (() => DecodingStep) | null {
  const { type, pattern, content, replacement } = step;
  if (type === "Fuse") return () => new EachPart((part) => part);
  if (type === "Strip") return stripMaker(step, fused);
  if (fused) return null;
  if (type === "ByteFallback") return () => new ByteRuns();
  if (type === "Replace" && isFields(pattern) && typeof pattern["String"] === "string" && typeof content === "string") {
    const searched = pattern["String"];
    return searched === "" ? null : () => new EachPart((part) => part.replaceAll(searched, () => content));
  }
  if (type !== "Metaspace" || typeof replacement !== "string" || replacement === "") return null;
  const scheme = step["prepend_scheme"] ?? (step["add_prefix_space"] === false ? "never" : "always");
  return () => new EachPart((part, first) => part.replaceAll(replacement, first && scheme !== "never" ? "" : " "));
}

function stripMaker({ content, start, stop }: Fields, fused: boolean): (() => DecodingStep) | null {
  if (typeof content !== "string" || [...content].length !== 1 || stop !== 0 || !isCount(start)) return null;
  if (fused) return () => new StripStart(content, start);
  return () => new EachPart((part) => new StripStart(content, start).push(part).join(""));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** The streams of a tokenizer. `spelling`: a token's text, or null for what is to be left out. */
export function textStreamMaker(
  decoder: Fields | null,
  decodeAll: (ids: readonly number[]) => string,
): (spelling: (id: number) => string | null) => TextStream {
  const fresh = spellingStreams(decoder);
  return (spelling) => (fresh === null ? lateStream(spelling, decodeAll) : idStream(spelling, fresh()));
}

function idStream(spelling: (id: number) => string | null, stream: SpellingStream): TextStream {
  return {
    push(id) {
      const token = spelling(id);
      return token === null ? "" : stream.push(token);
    },
    end: () => stream.end(),
  };
}

/** Where only the library knows what tokens mean together. */
function lateStream(
  spelling: (id: number) => string | null,
  decodeAll: (ids: readonly number[]) => string,
): TextStream {
  let ids: number[] = [];
  return {
    push(id) {
      if (spelling(id) !== null) ids.push(id);
      return "";
    },
    end() {
      const text = decodeAll(ids);
      ids = [];
      return text;
    },
  };
}
