/** bfloat16, the upper half of a float32: rounding to the nearest, ties to even; a NaN stays one, with the upper part of its payload. */

/** Writes the bf16 bits of `values` into `out`, of equal length. */
export function toBf16(values: Float32Array, out: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    // A NaN is cut off, not rounded, which could carry its fraction away; one that would lose it all becomes the quiet one.
    out[i] = notANumber ? upperOfNaN(word) : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}

function upperOfNaN(word: number): number {
  const upper = word >>> 16;
  return (upper & 0x7f) === 0 ? upper | 0x40 : upper;
}

/** Writes what bf16 bits stand for into `out`, of equal length; exact. */
export function fromBf16(bits: Uint16Array, out: Float32Array): void {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
}
