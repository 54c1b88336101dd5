/**
 * MinHash signatures for locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3):
 * equal rows are as probable as the two sets are similar. One hash per row and shingle fills one bin for every band (one permutation hashing;
 * Li, Owen, Zhang 2012), so that a signature of bands × rows values costs `rows` hashes a shingle. A bin that got nothing takes another's value
 * (optimal densification; Shrivastava, ICML 2017).
 */
import { hashPair, mix } from "../text/hashes.js";

export interface SignatureShape {
  readonly bands: number;
  readonly rows: number;
}

/** The largest 31-bit value; a shingle that hashes to it counts as none, one in two thousand million. */
const EMPTY = 0x7fffffff;
/** The golden ratio's and another odd constant (Knuth; Steele, Lea, Flood 2014), for a hash function per row. */
const ROW_MULTIPLIER = 0x9e3779b1;
const BIN_MULTIPLIER = 0x85ebca77;

/** The probability that two documents of this similarity share a band and so are compared: 1 − (1 − s^rows)^bands. */
export function expectedRecall(similarity: number, { bands, rows }: SignatureShape): number {
  return 1 - (1 - similarity ** rows) ** bands;
}

/** Fills `out` with the signature of a set that is not empty: value (band, row) at band × rows + row. Repeated shingles change nothing. */
export function signature(shingles: Uint32Array, { bands, rows }: SignatureShape, out: Int32Array): void {
  out.fill(EMPTY);
  for (let row = 0; row < rows; row++) {
    const salt = mix(row + 1) | 0;
    for (let i = 0; i < shingles.length; i++) {
      // MurmurHash3's finaliser again, in signed arithmetic and without a call: the hottest line of the forge.
      let hash = Math.imul(shingles[i], ROW_MULTIPLIER) ^ salt;
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      // 31 bits. A bin is a range of values: the top bits choose it, and the least within it remains.
      hash = (hash ^ (hash >>> 16)) & EMPTY;
      const place = Math.imul(Math.imul(hash >>> 15, bands) >>> 16, rows) + row;
      if (hash < out[place]) out[place] = hash;
    }
    densify(out, row, { bands, rows });
  }
}

/** Which filled bin an empty one copies depends on its number alone, so that similar sets copy alike. */
function densify(out: Int32Array, row: number, { bands, rows }: SignatureShape): void {
  const empty: number[] = [];
  for (let band = 0; band < bands; band++) if (out[band * rows + row] === EMPTY) empty.push(band);
  if (empty.length === 0 || empty.length === bands) return;
  const values = empty.map((band) => {
    for (let attempt = 1; ; attempt++) {
      const draw = mix(Math.imul(band * rows + row + 1, BIN_MULTIPLIER) + attempt);
      const value = out[Math.floor((draw / 2 ** 32) * bands) * rows + row];
      if (value !== EMPTY) return value;
    }
  });
  for (const [at, band] of empty.entries()) out[band * rows + row] = values[at];
}

/** 64 bits for each band: equal exactly, but for chance of 2^-64, where the band's number, its rows and the `salt` are. `out` takes 2 × bands words. */
export function bandKeys(values: Int32Array, { bands, rows }: SignatureShape, salt: number, out: Uint32Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let band = 0; band < bands; band++)
    hashPair(words, band * rows, (band + 1) * rows, mix(salt + band), out, 2 * band);
}
