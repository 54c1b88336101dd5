/** 16-bit floats widened to float32, exactly. F16: IEEE 754 binary16; BF16: the upper half of a float32. */
import { fromBf16 } from "../base/bf16.js";
import type { Dtype } from "./safetensors-header.js";

/** The dtypes that `widen` takes. */
export const WIDENED: ReadonlySet<Dtype> = new Set<Dtype>(["BF16", "F16"]);

/** Writes the value of every 16-bit pattern of `halves` to `out`, which has the same length. NaN payloads are kept. */
export function widen(dtype: Dtype, halves: Uint16Array, out: Float32Array): void {
  if (dtype === "BF16") {
    fromBf16(halves, out);
    return;
  }
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < halves.length; i++) bits[i] = float32BitsOfHalf(halves[i]);
}

/** Exponent bias 15 → 127, mantissa 10 → 23 bits; a subnormal half is a normal float32, so it is normalised first. */
function float32BitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}
