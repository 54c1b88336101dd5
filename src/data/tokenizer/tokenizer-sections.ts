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
  readonly normalization: "NFC" | null;
  readonly specialTokens: SpecialTokens;
}

export type WalkSections = (text: string, onText: (text: string) => void, onToken: (id: number) => void) => void;

/** The walker over a tokenizer's sections, or null when a token asks for more than plain matching. */
export function sectionWalker(tokens: readonly AddedToken[], rules: SectionRules): WalkSections | null {
  const parsed = tokens.filter(({ special }) => !special || rules.specialTokens === "parse");
  if (parsed.some(({ lstrip, rstrip, single_word }) => lstrip || rstrip || single_word)) return null;
  const normalize = (text: string): string =>
    rules.normalization === null ? text : text.normalize(rules.normalization);
  const matcher = (normalized: boolean): WalkSections => {
    const ofKind = tokens.filter((token) => token.normalized === normalized);
    const entries = ofKind.map((token) => [normalized ? normalize(token.content) : token.content, token] as const);
    return tokenMatcher(new Map(entries), new Set(parsed));
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
      if (match.index > end) onText(text.slice(end, match.index));
      onToken(token.id);
      end = match.index + match[0].length;
    }
    if (end < text.length) onText(text.slice(end));
  };
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
