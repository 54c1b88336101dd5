/** Words of a text as they are counted by the index, back to its characters; and a text without some of its words. */
import { wordsOf } from "../text/hashes.js";

/** [start, end) in words or in characters. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The characters of spans of words, widened to the ASCII spaces around them: the same words are counted piece by piece and in the whole
 * text, as `wordHashes` does, so that compatibility forms of several words do not shift the rest.
 * @param spans ascending and apart
 */
export function charactersOf(text: string, spans: readonly Span[]): Span[] {
  const found: Span[] = [];
  let words = 0;
  let next = 0;
  let start: number | null = null;
  for (const match of text.matchAll(/[^ \t\n\v\f\r]+/g)) {
    if (next === spans.length) break;
    words += wordsOf(match[0]).length;
    const end = match.index + match[0].length;
    if (start === null && words > spans[next].start) start = match.index;
    while (next < spans.length && words >= spans[next].end) {
      found.push({ start: start ?? match.index, end });
      next++;
      start = next < spans.length && words > spans[next].start ? match.index : null;
    }
  }
  return joined(found);
}

/** Spans that touch or overlap as one; in order of their starts. */
export function joined(spans: readonly Span[]): Span[] {
  const list: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const last = list.at(-1);
    if (last !== undefined && span.start <= last.end)
      list[list.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    else list.push(span);
  }
  return list;
}

/**
 * The text without these characters and `margin` of them on both sides; what is left between is cut at spaces and joined by blank lines,
 * pieces shorter than `shortestPiece` characters left out.
 */
export function withoutSpans(text: string, spans: readonly Span[], margin: number, shortestPiece: number): string {
  const cut = joined(
    spans.map(({ start, end }) => ({ start: Math.max(0, start - margin), end: Math.min(text.length, end + margin) })),
  );
  const pieces: string[] = [];
  let from = 0;
  for (const { start, end } of [...cut, { start: text.length, end: text.length }]) {
    let [first, last] = [from, start];
    // A word that was cut through goes as a whole.
    if (from > 0) while (first < last && !SPACE.test(text[first - 1])) first++;
    if (start < text.length) while (last > first && !SPACE.test(text[last])) last--;
    const piece = text.slice(first, last).trim();
    if (piece.length >= Math.max(1, shortestPiece)) pieces.push(piece);
    from = end;
  }
  return pieces.join("\n\n");
}

const SPACE = /\s/;
