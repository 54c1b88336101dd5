/**
 * Cuts text into the pieces that byte-pair merges never cross, in the stages of a tokenizer's pre-tokenizer. What a pattern matches is a
 * piece, and so is what lies between two matches (Hugging Face calls this `Isolated`): no character is lost.
 */
export interface SplitStage {
  /** Global and Unicode-aware; null: this stage does not cut. */
  readonly pattern: RegExp | null;
  /** Whether a space is put before every incoming piece that does not start with one. */
  readonly prefixSpace: boolean;
}

/** Calls `emit` with every piece of `text`, in order; never with an empty one. There is at least one stage. */
export function splitText(text: string, stages: readonly SplitStage[], emit: (piece: string) => void, first = 0): void {
  if (text === "") return;
  const stage = stages[first];
  const input = stage.prefixSpace && !text.startsWith(" ") ? ` ${text}` : text;
  const next = first + 1 === stages.length ? emit : (piece: string): void => splitText(piece, stages, emit, first + 1);
  if (stage.pattern === null) next(input);
  else cut(input, stage.pattern, next);
}

function cut(text: string, pattern: RegExp, emit: (piece: string) => void): void {
  let end = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [found] = match;
    if (match.index > end) emit(text.slice(end, match.index));
    if (found === "") pattern.lastIndex = nextCodePoint(text, match.index);
    else emit(found);
    end = match.index + found.length;
  }
  if (end < text.length) emit(text.slice(end));
}

function nextCodePoint(text: string, at: number): number {
  return at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
}
