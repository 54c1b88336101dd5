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

/** What a UTF-16 unit is: a letter's lower case where it is part of an ASCII word, or one of these. */
const SEPARATOR = 0;
const SPACE = 1;
const OTHER = 2;
const ASCII = Uint8Array.from({ length: 128 }, (_, unit) => {
  const character = String.fromCharCode(unit);
  if (/\w/.test(character)) return character.toLowerCase().charCodeAt(0);
  return /\s/.test(character) ? SPACE : SEPARATOR;
});

/**
 * The hash of every word of a text, in order: `wordHash` of each of `wordsOf`. Only what stands between two ASCII spaces and is not all
 * ASCII takes the long way; nothing in Unicode's normalisation or lower case reaches across a space.
 */
export function wordHashes(text: string): Uint32Array {
  let hashes = new Uint32Array((text.length >>> 1) + 1);
  let count = 0;
  /** Where the characters since the last space start, in the text and in the hashes. */
  let start = 0;
  let startCount = 0;
  let hash = FNV_OFFSET;
  let inWord = false;
  for (let i = 0; i <= text.length; i++) {
    const unit = i < text.length ? text.charCodeAt(i) : 0x20;
    const kind = unit < 128 ? ASCII[unit] : OTHER;
    if (kind > OTHER) {
      hash = Math.imul(hash ^ kind, FNV_PRIME);
      inWord = true;
    } else if (kind !== OTHER) {
      if (inWord) hashes[count++] = mix(hash);
      hash = FNV_OFFSET;
      inWord = false;
      if (kind === SPACE) {
        start = i + 1;
        startCount = count;
      }
    } else {
      while (i + 1 < text.length && ASCII[text.charCodeAt(i + 1)] !== SPACE) i++;
      const words = wordsOf(text.slice(start, i + 1));
      count = startCount + words.length;
      const most = count + ((text.length - i) >>> 1) + 1;
      if (most > hashes.length) hashes = grown(hashes, most);
      for (const [at, word] of words.entries()) hashes[startCount + at] = wordHash(word);
      hash = FNV_OFFSET;
      inWord = false;
    }
  }
  return hashes.subarray(0, count);
}

/** A compatibility form can hold more words than characters. */
function grown(hashes: Uint32Array, least: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(least, 2 * hashes.length));
  larger.set(hashes);
  return larger;
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

/** 64 bits of a part of a list of words, as two halves in `out` from `at` on. Different seeds hash independently. */
export function hashPair(
  words: Uint32Array,
  from: number,
  end: number,
  seed: number,
  out: Uint32Array,
  at: number,
): void {
  const lanes = startLanes(seed);
  for (let i = from; i < end; i++) addToLanes(lanes, words[i]);
  finishLanes(lanes, out, at);
}

/**
 * 64 bits of a text as two copies of it are compared, as two halves in `out` from `at` on: compatibility form (NFKC), lower case, every run
 * of white space one space, none around.
 */
export function textHash(text: string, seed: number, out: Uint32Array, at: number): void {
  const lower = (ALL_ASCII.test(text) ? text : text.normalize("NFKC")).toLowerCase();
  const lanes = startLanes(seed);
  let gap = false;
  let started = false;
  for (let i = 0; i < lower.length; i++) {
    const unit = lower.charCodeAt(i);
    if (unit < 128 ? ASCII[unit] === SPACE : WHITE.test(lower[i])) gap = started;
    else {
      if (gap) addToLanes(lanes, 0x20);
      addToLanes(lanes, unit);
      gap = false;
      started = true;
    }
  }
  finishLanes(lanes, out, at);
}

const ALL_ASCII = /^[\0-\x7f]*$/;
const WHITE = /\s/;

/** Two lanes in the manner of MurmurHash3, with multipliers and rotations of their own, and a count. */
interface Lanes {
  high: number;
  low: number;
}

function startLanes(seed: number): Lanes {
  return { high: seed ^ 0x2545f491, low: Math.imul(seed, FNV_PRIME) };
}

function addToLanes(lanes: Lanes, word: number): void {
  const high = lanes.high ^ word;
  const low = lanes.low ^ word;
  lanes.high = (Math.imul((high << 13) | (high >>> 19), 0xcc9e2d51) + 0x6d2b79f5) | 0;
  lanes.low = (Math.imul((low << 17) | (low >>> 15), 0x1b873593) + 0x3c6ef372) | 0;
}

function finishLanes({ high, low }: Lanes, out: Uint32Array, at: number): void {
  out[at] = mix(high);
  out[at + 1] = mix(low ^ Math.imul(high, RUN_MULTIPLIER));
}

/** MurmurHash3's 32-bit finaliser (Appleby, public domain): a bijection in which every input bit reaches every output bit. */
export function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
