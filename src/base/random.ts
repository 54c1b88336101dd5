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
  let [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counter;
  let [k0 = 0, k1 = 0] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = mulHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high1 = mulHigh(MULTIPLIER_1, c2);
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
  philox([index >>> 0, Math.floor(index / TWO_32) >>> 0, stream >>> 0, Math.floor(stream / TWO_32) >>> 0], splitSeed(seed), words);
  return words;
}

/** The 64-bit Philox key of a non-negative safe-integer seed. */
function splitSeed(seed: number): readonly number[] {
  return [seed >>> 0, Math.floor(seed / TWO_32) >>> 0];
}

/** A 32-bit unsigned integer, uniform. `seed`, `stream` and `index` are non-negative safe integers. */
export function random32(seed: number, stream: number, index: number): number {
  return block(seed, stream, index)[0] as number;
}

/** A number in [0, 1) with 53 random bits. */
export function randomUniform(seed: number, stream: number, index: number): number {
  const drawn = block(seed, stream, index);
  return ((drawn[0] as number) * 2 ** 21 + ((drawn[1] as number) >>> 11)) / 2 ** 53;
}

/** A standard normal number (Box–Muller on one block). */
export function randomNormal(seed: number, stream: number, index: number): number {
  const drawn = block(seed, stream, index);
  const radius = Math.sqrt(-2 * Math.log(((drawn[0] as number) + 1) / (TWO_32 + 1)));
  return radius * Math.cos((2 * Math.PI * (drawn[1] as number)) / TWO_32);
}

/** A stream number from a name (32-bit FNV-1a), so that streams are named instead of numbered by hand. */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
