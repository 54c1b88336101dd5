/** The n-th best of any number of scores, exactly and in constant memory: radix selection over the score files, six times read. */
import { RECORD_WORDS, readScoreBlocks, type ScoreKey } from "./score-file.js";

const DIGIT_VALUES = 1 << 16;
const KEY_WORDS = 3;

/**
 * The key that exactly `rank` of the wanted records reach (more only where keys are equal).
 * @throws RangeError when there are fewer than `rank` of them, or `rank` is not positive.
 */
export function nthLargest(paths: readonly string[], rank: number, wanted: (tag: number) => boolean): ScoreKey {
  if (!(Number.isSafeInteger(rank) && rank > 0)) throw new RangeError(`a rank of ${rank}`);
  const key = new Uint32Array(KEY_WORDS);
  let left = rank;
  for (let word = 0; word < KEY_WORDS; word++)
    for (const shift of [16, 0]) {
      const counts = countDigits(paths, { key, word, shift, wanted });
      let digit = DIGIT_VALUES - 1;
      while (digit >= 0 && counts[digit] < left) left -= counts[digit--];
      if (digit < 0) throw new RangeError(`rank ${rank} among fewer scores`);
      key[word] |= digit << shift;
    }
  return { ordered: key[0], tieHigh: key[1], tieLow: key[2] };
}

interface Digit {
  /** What the words and halves before this one must be. */
  readonly key: Uint32Array;
  readonly word: number;
  readonly shift: number;
  readonly wanted: (tag: number) => boolean;
}

/** How many of the wanted records that begin like the key have each value of the next 16 bits. */
function countDigits(paths: readonly string[], { key, word, shift, wanted }: Digit): Float64Array {
  const counts = new Float64Array(DIGIT_VALUES);
  for (const block of readScoreBlocks(paths))
    for (let at = 0; at < block.length; at += RECORD_WORDS) {
      if (!wanted(block[at + KEY_WORDS])) continue;
      let same = true;
      for (let before = 0; before < word; before++) same &&= block[at + before] === key[before];
      const value = block[at + word];
      if (same && (shift === 16 || value >>> 16 === key[word] >>> 16)) counts[(value >>> shift) & 0xffff]++;
    }
  return counts;
}
