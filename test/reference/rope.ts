/**
 * Rotary positions: the pair (d, d + D/2) of a head turns by position · frequency(d).
 * Frequencies by Su et al. (arXiv 2104.09864), equation 15; slowed for Llama 3.1 as in its published `apply_scaling`.
 */
import type { Architecture } from "../../src/model/architecture.js";
import { type Arithmetic, at, fill, type Values } from "./arithmetic.js";

/** Radians per position of pair d, 0 ≤ d < D/2. */
export function frequency({ headWidth, ropeTheta, ropeScaling }: Architecture, d: number): number {
  const plain = 1 / ropeTheta ** ((2 * d) / headWidth);
  if (ropeScaling === null) return plain;
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalLength } = ropeScaling;
  const wavelength = (2 * Math.PI) / plain;
  if (wavelength < originalLength / highFrequencyFactor) return plain;
  if (wavelength > originalLength / lowFrequencyFactor) return plain / factor;
  const smooth = (originalLength / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return ((1 - smooth) * plain) / factor + smooth * plain;
}

/**
 * Turns x [N, heads, D] by each token's position; `direction` −1 turns back, which is the gradient.
 * Cosines are rounded once, like a table that was computed in double precision.
 */
export function rope(
  a: Arithmetic,
  architecture: Architecture,
  x: Values,
  positions_N: readonly number[],
  direction: 1 | -1,
): Values {
  const { headWidth } = architecture;
  const half = headWidth / 2;
  const perToken = x.length / positions_N.length;
  return fill(a, x.length, (index) => {
    const d = index % headWidth;
    const first = d < half;
    const angle = (positions_N[Math.floor(index / perToken)] as number) * frequency(architecture, d % half);
    const partner = at(x, first ? index + half : index - half);
    const sine = a.round(Math.sin(angle)) * direction * (first ? -1 : 1);
    return a.round(at(x, index) * a.round(Math.cos(angle))) + a.round(partner * sine);
  });
}
