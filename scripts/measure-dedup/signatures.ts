/** Ways to make a MinHash signature, for comparison. */
import { bandKeys, type SignatureShape, signature } from "../../src/corpus/dedup/minhash.js";
import { mix } from "../../src/corpus/text/hashes.js";

export interface SignatureWay {
  readonly name: string;
  sign(shingles: Uint32Array, shape: SignatureShape, out: Int32Array): void;
}

/** Broder's: a hash function for every value of the signature. */
function classic(shingles: Uint32Array, _shape: SignatureShape, out: Int32Array): void {
  out.fill(0x7fffffff);
  for (let value = 0; value < out.length; value++) {
    const salt = mix(value + 1);
    let least = 0x7fffffff;
    for (let i = 0; i < shingles.length; i++) {
      let hash = Math.imul(shingles[i], 0x9e3779b1) ^ salt;
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      hash = (hash ^ (hash >>> 16)) & 0x7fffffff;
      if (hash < least) least = hash;
    }
    out[value] = least;
  }
}

export const WAYS: readonly SignatureWay[] = [
  { name: "a hash per value (classic)", sign: classic },
  { name: "a hash per row, a bin per band (ours)", sign: signature },
  {
    name: "one hash, a bin per value",
    sign: (shingles, { bands, rows }, out) => signature(shingles, { bands: bands * rows, rows: 1 }, out),
  },
];

export interface Signed {
  readonly values: Int32Array;
  readonly keys: Uint32Array;
}

export function signAll(sets: readonly Uint32Array[], way: SignatureWay, shape: SignatureShape): Signed[] {
  return sets.map((set) => {
    const values = new Int32Array(shape.bands * shape.rows);
    const keys = new Uint32Array(2 * shape.bands);
    way.sign(set, shape, values);
    bandKeys(values, shape, 0, keys);
    return { values, keys };
  });
}

/** Whether two documents would be compared. */
export function shareBand(a: Signed, b: Signed): boolean {
  for (let at = 0; at < a.keys.length; at += 2)
    if (a.keys[at] === b.keys[at] && a.keys[at + 1] === b.keys[at + 1]) return true;
  return false;
}

/** The similarity as signatures tell it: the share of equal values. */
export function estimate(a: Signed, b: Signed): number {
  let equal = 0;
  for (let i = 0; i < a.values.length; i++) if (a.values[i] === b.values[i]) equal++;
  return equal / a.values.length;
}
