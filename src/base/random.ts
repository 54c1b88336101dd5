/**
 * Counter-based random numbers: `f(seed, stream, index)`, with no state to save or restore.
 *
 * The generator is Philox-4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011); its
 * published test vectors are in the tests. `stream` separates uses (one per parameter, one per permutation), `index` counts within one.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;
const TWO_32 = 2 ** 32;

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}

/** One Philox-4x32-10 block: four 32-bit words from a 128-bit counter and a 64-bit key, written into `out`. */
export function philox(counter: readonly number[], key: readonly number[], out: Uint32Array): void {
  // Indexed rather than destructured: the iterator protocol would cost more than the ten rounds.
  let c0 = counter[0];
  let c1 = counter[1];
  let c2 = counter[2];
  let c3 = counter[3];
  let k0 = key[0];
  let k1 = key[1];
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = mulHigh(MULTIPLIER_0, c0);
    const high1 = mulHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

const words = new Uint32Array(4);

function block(seed: number, stream: number, index: number): Uint32Array {
  philox([index >>> 0, high32(index), stream >>> 0, high32(stream)], splitSeed(seed), words);
  return words;
}

/** The 64-bit Philox key of a non-negative safe-integer seed. */
function splitSeed(seed: number): readonly number[] {
  return [seed >>> 0, high32(seed)];
}

function high32(value: number): number {
  return Math.floor(value / TWO_32) >>> 0;
}

/** A 32-bit unsigned integer, uniform. `seed`, `stream` and `index` are non-negative safe integers. */
export function random32(seed: number, stream: number, index: number): number {
  return block(seed, stream, index)[0];
}

/** A number in [0, 1) with 53 random bits. */
export function randomUniform(seed: number, stream: number, index: number): number {
  const drawn = block(seed, stream, index);
  return (drawn[0] * 2 ** 21 + (drawn[1] >>> 11)) / 2 ** 53;
}

/**
 * A standard normal number. Block ⌊index / 4⌋ gives four of them: its words (0, 1) and (2, 3) are the two uniform numbers of a
 * Box–Muller pair each, cosine first, then sine.
 */
export function randomNormal(seed: number, stream: number, index: number): number {
  const within = index % 4;
  const drawn = block(seed, stream, Math.floor(index / 4));
  const turn = within & 2;
  const angle = angleOf(drawn[turn + 1]);
  return radiusOf(drawn[turn]) * (within % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
}

/** Where a run of normal numbers comes from and how wide it is. */
export interface NormalSource {
  readonly seed: number;
  readonly stream: number;
  /** Standard deviation. */
  readonly deviation: number;
  /** Index of the run's beginning, a multiple of 4; by default 0. */
  readonly first?: number;
}

/** Fills `out` so that `out[i]` is deviation × `randomNormal(seed, stream, first + i)`, at a quarter of the blocks. */
export function fillNormal(out: Float32Array | Float64Array, source: NormalSource): void {
  const { seed, stream, deviation, first = 0 } = source;
  if (first % 4 !== 0) throw new RangeError(`a run of normal numbers cannot start at ${first}`);
  const counter = [0, 0, stream >>> 0, high32(stream)];
  const key = splitSeed(seed);
  for (let start = 0; start < out.length; start += 4) {
    const index = (first + start) / 4;
    counter[0] = index >>> 0;
    counter[1] = high32(index);
    philox(counter, key, words);
    for (let turn = 0; turn < 4; turn += 2) {
      const radius = deviation * radiusOf(words[turn]);
      const angle = angleOf(words[turn + 1]);
      // A write beyond the end of a typed array is ignored, which trims the last block.
      out[start + turn] = radius * Math.cos(angle);
      out[start + turn + 1] = radius * Math.sin(angle);
    }
  }
}

/** Box–Muller's radius from a word; its uniform number is never 0 or 1, so the largest radius is 6.66. */
function radiusOf(word: number): number {
  return Math.sqrt(-2 * Math.log((word + 1) / (TWO_32 + 1)));
}

function angleOf(word: number): number {
  return (2 * Math.PI * word) / TWO_32;
}

/** A stream number from a name (32-bit FNV-1a), so that streams are named instead of numbered by hand. */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
