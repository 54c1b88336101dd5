/** Gopher's rules against repetition (Rae et al. 2021, table A1), with their thresholds. Characters are counted without white space. */
import { wordHash, wordsOf } from "../text/hashes.js";

const LINES = { duplicated: 0.3, characters: 0.2 } as const;
/** The most frequent run of n words may hold this share of the characters. */
const TOP_RUN: readonly (readonly [length: number, most: number])[] = [
  [2, 0.2],
  [3, 0.18],
  [4, 0.16],
];
/** Runs of n words that occur more than once may hold this share together, each character counted once. */
const DUPLICATED_RUNS: readonly (readonly [length: number, most: number])[] = [
  [5, 0.15],
  [6, 0.14],
  [7, 0.13],
  [8, 0.12],
  [9, 0.11],
  [10, 0.1],
];

/** Why a text repeats itself too much, or null where it does not. */
export function whyRepetitive(text: string): string | null {
  for (const [name, pieces] of [
    ["lines", text.split("\n")],
    ["paragraphs", text.split(/\n\s*\n/)],
  ] as const) {
    const { pieceShare, characterShare } = duplicates(
      pieces.map((piece) => piece.trim()).filter((piece) => piece !== ""),
    );
    if (pieceShare > LINES.duplicated) return `more than ${LINES.duplicated} of the ${name} are repeated`;
    if (characterShare > LINES.characters)
      return `repeated ${name} hold more than ${LINES.characters} of the characters`;
  }
  const words = new Words(text);
  for (const [length, most] of TOP_RUN)
    if (words.topRunShare(length) > most) return `a run of ${length} words holds more than ${most} of the characters`;
  for (const [length, most] of DUPLICATED_RUNS)
    if (words.duplicatedShare(length) > most)
      return `repeated runs of ${length} words hold more than ${most} of the characters`;
  return null;
}

/** Of pieces that were there before: their share of the pieces, and of the characters. */
function duplicates(pieces: readonly string[]): { pieceShare: number; characterShare: number } {
  const seen = new Set<string>();
  let repeated = 0;
  let repeatedCharacters = 0;
  let characters = 0;
  for (const piece of pieces) {
    characters += piece.length;
    if (seen.has(piece)) {
      repeated++;
      repeatedCharacters += piece.length;
    } else seen.add(piece);
  }
  return {
    pieceShare: repeated / Math.max(1, pieces.length),
    characterShare: repeatedCharacters / Math.max(1, characters),
  };
}

const MULTIPLIER = 0x9e3779b1;

/** The words of a text as hashes and lengths. Two runs count as equal when 53 bits of their hashes are: one pair in 10^16 is by mistake. */
class Words {
  private readonly hashes: Uint32Array;
  private readonly lengths: Uint32Array;
  private readonly characters: number;

  constructor(text: string) {
    const words = wordsOf(text);
    this.hashes = Uint32Array.from(words, wordHash);
    this.lengths = Uint32Array.from(words, ({ length }) => length);
    this.characters = this.lengths.reduce((sum, length) => sum + length, 0);
  }

  topRunShare(length: number): number {
    const found = new Map<number, { count: number; size: number }>();
    let most = 0;
    for (const [start, key] of this.runs(length)) {
      const run = found.get(key) ?? { count: 0, size: this.sizeOf(start, length) };
      run.count++;
      found.set(key, run);
      if (run.count > 1) most = Math.max(most, run.count * run.size);
    }
    return this.characters === 0 ? 0 : most / this.characters;
  }

  duplicatedShare(length: number): number {
    const seen = new Set<number>();
    let covered = 0;
    let end = 0;
    for (const [start, key] of this.runs(length)) {
      if (!seen.has(key)) {
        seen.add(key);
        continue;
      }
      for (let at = Math.max(start, end); at < start + length; at++) covered += this.lengths[at];
      end = start + length;
    }
    return this.characters === 0 ? 0 : covered / this.characters;
  }

  private *runs(length: number): Generator<[start: number, key: number]> {
    for (let start = 0; start + length <= this.hashes.length; start++) {
      let low = length;
      let high = ~length;
      for (let at = start; at < start + length; at++) {
        low = Math.imul(low, MULTIPLIER) ^ this.hashes[at];
        high = Math.imul(high ^ this.hashes[at], 0x85ebca6b) ^ (high >>> 13);
      }
      yield [start, (high >>> 11) * 2 ** 32 + (low >>> 0)];
    }
  }

  private sizeOf(start: number, length: number): number {
    let size = 0;
    for (let at = start; at < start + length; at++) size += this.lengths[at];
    return size;
  }
}
