/** bf16 numbers for tests, by the definition: the upper half of a float32, rounded to nearest with ties to even. */

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The 16 bits of the nearest bf16 number. */
export function bf16Bits(value: number): number {
  float[0] = value;
  if (Number.isNaN(value)) return 0x7fff;
  const lower = word[0] % 0x10000;
  const upper = Math.floor(word[0] / 0x10000);
  const up = lower > 0x8000 || (lower === 0x8000 && upper % 2 === 1);
  return up ? upper + 1 : upper;
}

export function bf16Value(bits: number): number {
  word[0] = bits * 0x10000;
  return float[0];
}

/** The nearest bf16 number. */
export function toBf16(value: number): number {
  return bf16Value(bf16Bits(value));
}
