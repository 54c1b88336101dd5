/**
 * Text as 32-bit hashes of words and of runs of words: what near-duplicates, retrieval, the quality filter and the contamination check
 * compare. Words are runs of letters, marks, digits and underscores in Unicode's compatibility form (NFKC), lower case; everything else
 * only separates them, so that layout and punctuation do not make two texts different.
 */

const WORD = /[\p{L}\p{M}\p{N}_]+/gu;
/** FNV-1a's offset and prime (Fowler, Noll, Vo; IETF draft-eastlake-fnv). */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** An odd multiplier far from FNV's, so that a run of words does not hash like its letters. */
const RUN_MULTIPLIER = 0x9e3779b1;

/** The words of a text in order, as they are compared. */
export function wordsOf(text: string): string[] {
  return text.normalize("NFKC").toLowerCase().match(WORD) ?? [];
}

/** FNV-1a over the UTF-16 units of a word, with the finish of MurmurHash3: close words differ in all bits. */
export function wordHash(word: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), FNV_PRIME);
  return mix(hash);
}

/** The hash of every word of a text, in order. */
export function wordHashes(text: string): Uint32Array {
  return Uint32Array.from(wordsOf(text), wordHash);
}

/**
 * The hashes of every run of `length` successive words, in order; a text of fewer words is one run of all of them, an empty one none.
 * @throws RangeError when `length` is not a positive whole number.
 */
export function runHashes(words: Uint32Array, length: number): Uint32Array {
  if (!(Number.isSafeInteger(length) && length > 0)) throw new RangeError(`runs of ${length} words`);
  if (words.length === 0) return new Uint32Array();
  const size = Math.min(length, words.length);
  const runs = new Uint32Array(words.length - size + 1);
  for (let start = 0; start < runs.length; start++) {
    let hash = size;
    for (let at = start; at < start + size; at++) hash = Math.imul(hash, RUN_MULTIPLIER) ^ words[at];
    runs[start] = mix(hash);
  }
  return runs;
}

/** MurmurHash3's 32-bit finaliser (Appleby, public domain): a bijection in which every input bit reaches every output bit. */
export function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
