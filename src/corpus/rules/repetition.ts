/** Gopher's rules against repetition (Rae et al. 2021, table A1), with their thresholds. Characters are counted without white space. */
import { runHashes, wordHash, wordsOf } from "../text/hashes.js";

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

/**
 * The words of a text as hashes and lengths. Runs are told apart by 32 bits: in a book of 100,000 words about one pair is taken for equal by
 * mistake, which moves no share.
 */
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
    const { first, earlier } = this.occurrences(length);
    const counts = new Uint32Array(first.length);
    let most = 0;
    for (let start = 0; start < first.length; start++) {
      const count = ++counts[first[start]];
      if (earlier[start] === 1) most = Math.max(most, count * this.sizeOf(start, length));
    }
    return this.characters === 0 ? 0 : most / this.characters;
  }

  duplicatedShare(length: number): number {
    const { earlier } = this.occurrences(length);
    let covered = 0;
    let end = 0;
    for (let start = 0; start < earlier.length; start++) {
      if (earlier[start] === 0) continue;
      for (let at = Math.max(start, end); at < start + length; at++) covered += this.lengths[at];
      end = start + length;
    }
    return this.characters === 0 ? 0 : covered / this.characters;
  }

  /** For every run, where an equal one stands first, and whether that is before it. */
  private occurrences(length: number): { first: Uint32Array; earlier: Uint8Array } {
    const runs = this.hashes.length < length ? new Uint32Array() : runHashes(this.hashes, length);
    const slots = 2 ** Math.ceil(Math.log2(2 * runs.length + 1));
    const table = new Uint32Array(slots);
    const first = new Uint32Array(runs.length);
    const earlier = new Uint8Array(runs.length);
    for (let start = 0; start < runs.length; start++) {
      let slot = runs[start] & (slots - 1);
      // A slot holds a run's place, from 1; 0 is free.
      while (table[slot] !== 0 && runs[table[slot] - 1] !== runs[start]) slot = (slot + 1) & (slots - 1);
      earlier[start] = table[slot] === 0 ? 0 : 1;
      if (table[slot] === 0) table[slot] = start + 1;
      first[start] = table[slot] - 1;
    }
    return { first, earlier };
  }

  private sizeOf(start: number, length: number): number {
    let size = 0;
    for (let at = start; at < start + length; at++) size += this.lengths[at];
    return size;
  }
}
