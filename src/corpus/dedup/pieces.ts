/** A text's lines or paragraphs outside fenced code, and the text without some of them. */
import type { RepeatSettings } from "./settings.js";

export interface Piece {
  /** Characters of the text, without the last line's end. */
  readonly start: number;
  readonly end: number;
}

const FENCE = /^[ \t]*(?:```|~~~)/;
const BLANK = /^\s*$/;

/** The lines that are not blank, or the runs of them; nothing between fences, which stay as they are. */
export function piecesOf(text: string, unit: RepeatSettings["unit"]): Piece[] {
  const pieces: Piece[] = [];
  let fenced = false;
  let joins = false;
  for (let start = 0; start <= text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end);
    const fence = FENCE.test(line);
    if (fence) fenced = !fenced;
    const counts = !(fence || fenced || BLANK.test(line));
    if (counts) {
      const before = joins ? pieces.pop() : undefined;
      pieces.push({ start: before?.start ?? start, end });
    }
    joins = counts && unit === "paragraphs";
    start = end + 1;
  }
  return pieces;
}

/** The text without these pieces, which are in order; blank lines that only stood between them go too. */
export function withoutPieces(text: string, pieces: readonly Piece[]): string {
  if (pieces.length === 0) return text;
  const parts: string[] = [];
  let from = 0;
  let atBlank = true;
  for (const { start, end } of [...pieces, { start: text.length, end: text.length }]) {
    const between = text.slice(from, start);
    const part: string = atBlank ? between.replace(LEADING_BLANKS, "") : between;
    parts.push(part);
    if (part !== "") atBlank = part.endsWith("\n\n");
    from = Math.min(end + 1, text.length);
  }
  return parts.join("").trimEnd();
}

/** Blank lines, not the indentation of what follows them. */
const LEADING_BLANKS = /^(?:[^\S\n]*\n)+/;
