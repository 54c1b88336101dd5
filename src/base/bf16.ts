/** bfloat16, the upper half of a float32: rounding to the nearest, ties to even; a NaN stays one. */

/** Writes the bf16 bits of `values` into `out`, of equal length. */
export function toBf16(values: Float32Array, out: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    // Rounding could carry the fraction of a NaN away and make it infinite.
    out[i] = notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}

/** Writes what bf16 bits stand for into `out`, of equal length; exact. */
export function fromBf16(bits: Uint16Array, out: Float32Array): void {
  const words = new Int32Array(out.buffer, out.byteOffset, out.length);
  // Two at a time, where they are aligned, is half as much to load: this is what reading a bf16 checkpoint spends its time on.
  const aligned = bits.byteOffset % Int32Array.BYTES_PER_ELEMENT === 0;
  const pairs = new Int32Array(bits.buffer, aligned ? bits.byteOffset : 0, aligned ? bits.length >> 1 : 0);
  let at = 0;
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i];
    words[at] = pair << 16;
    words[at + 1] = pair & 0xffff0000;
    at += 2;
  }
  for (; at < bits.length; at++) words[at] = bits[at] << 16;
}
