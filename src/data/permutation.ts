/**
 * A keyed permutation of the numbers below n, in O(1) memory: the order in which an epoch visits its windows.
 *
 * A generalised Feistel network (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002): a number is split into two digits
 * in base a and b with a·b just above n, and the digits add a keyed mix of each other in turn, which can be undone and so never collides.
 * The few results that are n or more, at most 2 in √n, are sent through again ("cycle walking").
 */
import { random32, streamOf } from "../base/random.js";

/** Numbers up to 2^48 keep both digits within 25 bits, so that every product below is exact enough in a double. */
export const MAX_SIZE = 2 ** 48;

/** Even, as the digits take turns. With 12 the orders of six windows are not equally frequent, with 16 they are (see the test). */
const ROUNDS = 16;
const TWO_32 = 2 ** 32;

/** Selects the permutation. Equal keys and sizes give equal permutations, for ever: checkpoints depend on it. */
export interface PermutationKey {
  readonly seed: number;
  /** What is permuted, in words. */
  readonly stream: string;
  /** Number of the permutation within its stream. */
  readonly index: number;
}

export class Permutation {
  readonly size: number;
  /** a and b. */
  readonly #highBase: number;
  readonly #lowBase: number;
  readonly #keys: Int32Array;

  /** @throws RangeError when `size` is not an integer from 1 to 2^48. */
  constructor(size: number, key: PermutationKey) {
    if (!Number.isSafeInteger(size) || size < 1 || size > MAX_SIZE)
      throw new RangeError(`cannot permute ${size} numbers`);
    this.size = size;
    this.#highBase = Math.ceil(Math.sqrt(size));
    // Even: were both bases odd, every round would be an even permutation, and half of all orders could never come.
    this.#lowBase = 2 * Math.ceil(size / this.#highBase / 2);
    const stream = streamOf(key.stream);
    this.#keys = Int32Array.from({ length: ROUNDS }, (_, round) =>
      random32(key.seed, stream, key.index * ROUNDS + round),
    );
  }

  /** The number at position `index` of the permutation. @throws RangeError when `index` is not below `size`. */
  at(index: number): number {
    if (!(index >= 0 && index < this.size)) throw new RangeError(`no position ${index} in ${this.size} numbers`);
    let value = this.#encrypt(index);
    while (value >= this.size) value = this.#encrypt(value);
    return value;
  }

  #encrypt(value: number): number {
    const a = this.#highBase;
    const b = this.#lowBase;
    const keys = this.#keys;
    let high = Math.floor(value / b);
    let low = value - high * b;
    for (let round = 0; round < ROUNDS; round += 2) {
      high = (high + below(mix(low, keys[round]), a)) | 0;
      if (high >= a) high = (high - a) | 0;
      low = (low + below(mix(high, keys[round + 1]), b)) | 0;
      if (low >= b) low = (low - b) | 0;
    }
    return high * b + low;
  }
}

/** 32 well-mixed bits of a digit under a round key: Wellons' `lowbias32` finaliser (github.com/skeeto/hash-prospector). */
function mix(digit: number, key: number): number {
  let bits = digit ^ key;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Scales 32 bits to a number below `base`, which is small enough for the result to be a 32-bit integer. */
function below(bits: number, base: number): number {
  return (bits * (base / TWO_32)) | 0;
}
