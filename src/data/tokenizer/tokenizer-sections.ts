/**
 * Finds added tokens in text before the model sees it, as Hugging Face does: first the tokens that are looked for in the raw text, then, in
 * what the normalizer made of the rest, the others; leftmost first, the longest where several start.
 */
import type { AddedToken } from "./tokenizer-file.js";

/**
 * What text that spells a special token means. `literal` (the default): it is text, so that no document can forge the end of a document;
 * the same as `encode_special_tokens = True` in Hugging Face. `parse`: it is the token, Hugging Face's own default, meant for rendered chat
 * templates and prompts. Added tokens that are not special are tokens either way.
 */
export type SpecialTokens = "literal" | "parse";

export interface SectionRules {
  readonly normalize: (text: string) => string;
  readonly specialTokens: SpecialTokens;
}

export type WalkSections = (text: string, onText: (text: string) => void, onToken: (id: number) => void) => void;

/** The walker over a tokenizer's sections. */
export function sectionWalker(tokens: readonly AddedToken[], { normalize, specialTokens }: SectionRules): WalkSections {
  const parsed = new Set(tokens.filter(({ special }) => !special || specialTokens === "parse"));
  const matcher = (normalized: boolean): WalkSections => {
    const ofKind = tokens.filter((token) => token.normalized === normalized);
    const entries = ofKind.map((token) => [normalized ? normalize(token.content) : token.content, token] as const);
    return tokenMatcher(new Map(entries), parsed);
  };
  const raw = matcher(false);
  const normalized = matcher(true);
  return (text, onText, onToken) => raw(text, (part) => normalized(normalize(part), onText, onToken), onToken);
}

/** Text that matches a token outside `parsed` stays text, but hides the tokens that overlap it. */
function tokenMatcher(byContent: ReadonlyMap<string, AddedToken>, parsed: ReadonlySet<AddedToken>): WalkSections {
  if (![...byContent.values()].some((token) => parsed.has(token))) return (text, onText) => text !== "" && onText(text);
  const longestFirst = [...byContent.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escapePattern).join("|"), "gu");
  return (text, onText, onToken) => {
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      const token = byContent.get(match[0]);
      if (token === undefined || !parsed.has(token)) continue;
      const after = match.index + match[0].length;
      if (token.single_word && (wordEnds(text, match.index) || wordStarts(text, after))) continue;
      const start = token.lstrip ? Math.max(end, spaceStart(text, match.index)) : match.index;
      if (start > end) onText(text.slice(end, start));
      onToken(token.id);
      end = token.rstrip ? spaceEnd(text, after) : after;
    }
    if (end < text.length) onText(text.slice(end));
  };
}

/** What `\w` and `\s` are in Rust's regular expressions, with which Hugging Face looks around a token. */
const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const SPACE = /\p{White_Space}/u;

function wordEnds(text: string, at: number): boolean {
  // Two units may be one character.
  const last = [...text.slice(Math.max(0, at - 2), at)].pop();
  return last !== undefined && WORD.test(last);
}

function wordStarts(text: string, at: number): boolean {
  return at < text.length && WORD.test(String.fromCodePoint(text.codePointAt(at) ?? 0));
}

/** All white space is in single units. */
function spaceStart(text: string, at: number): number {
  let start = at;
  while (start > 0 && SPACE.test(text[start - 1])) start--;
  return start;
}

function spaceEnd(text: string, at: number): number {
  let end = at;
  while (end < text.length && SPACE.test(text[end])) end++;
  return end;
}

/** Tells whether a text contains a special token's spelling. */
export function specialTokenFinder(tokens: readonly AddedToken[]): (text: string) => boolean {
  const spellings = tokens.filter(({ special }) => special).map(({ content }) => escapePattern(content));
  const pattern = new RegExp(spellings.join("|"), "u");
  return (text) => spellings.length > 0 && pattern.test(text);
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
