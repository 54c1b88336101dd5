/** Gopher's rules of what prose looks like (Rae et al. 2021, "Scaling Language Models", table A1), with their thresholds. */

const MEAN_WORD = { least: 3, most: 10 } as const;
/** Of `#` and of ellipses, each, to words. */
const MOST_SYMBOLS = 0.1;
const MOST_BULLETS = 0.9;
const MOST_ELLIPSES = 0.3;
const LEAST_WITH_LETTERS = 0.8;
const STOP_WORDS: ReadonlySet<string> = new Set(["the", "be", "to", "of", "and", "that", "have", "with"]);
const LEAST_STOP_WORDS = 2;

const BULLET = /^\s*[-*•‣▪●◦]/;
const ELLIPSIS = /(?:\.\.\.|…)\s*$/;
const LETTER = /\p{L}/u;

/**
 * Why a text is not prose, or null where it is. Words are what stands between white space, as in Gopher.
 * Stop words are English: where other languages are wanted, this rule is not.
 */
export function whyNoProse(text: string, stopWords = true): string | null {
  const words = text.split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return "no words";
  const meanLength = words.reduce((sum, { length }) => sum + length, 0) / words.length;
  if (meanLength < MEAN_WORD.least) return `words shorter than ${MEAN_WORD.least} on average`;
  if (meanLength > MEAN_WORD.most) return `words longer than ${MEAN_WORD.most} on average`;
  const shareOf = (pattern: RegExp): number => (text.match(pattern)?.length ?? 0) / words.length;
  if (shareOf(/#/g) > MOST_SYMBOLS) return `more than ${MOST_SYMBOLS} hash signs a word`;
  if (shareOf(/\.\.\.|…/g) > MOST_SYMBOLS) return `more than ${MOST_SYMBOLS} ellipses a word`;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const lineShare = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length / lines.length;
  if (lineShare(BULLET) > MOST_BULLETS) return `more than ${MOST_BULLETS} of the lines are list items`;
  if (lineShare(ELLIPSIS) > MOST_ELLIPSES) return `more than ${MOST_ELLIPSES} of the lines end in an ellipsis`;
  if (words.filter((word) => LETTER.test(word)).length < LEAST_WITH_LETTERS * words.length)
    return `less than ${LEAST_WITH_LETTERS} of the words have letters`;
  if (stopWords && countStopWords(words) < LEAST_STOP_WORDS) return `fewer than ${LEAST_STOP_WORDS} stop words`;
  return null;
}

/** How many different ones occur, up to as many as are asked for. */
function countStopWords(words: readonly string[]): number {
  const found = new Set<string>();
  for (const word of words) {
    const plain = word.toLowerCase();
    if (STOP_WORDS.has(plain) && found.add(plain).size >= LEAST_STOP_WORDS) break;
  }
  return found.size;
}
