/**
 * Rotary position tables (Su et al., arXiv 2104.09864) with Llama 3.1's frequency scaling as in Hugging Face `rope_type: llama3`.
 * Angles are computed in double precision and rounded once; float32 angles would be off by 5e-4 at position 8192.
 */
import type { Architecture } from "./architecture.js";

/** Radians per position of each of the D/2 rotated pairs. */
export function rotaryFrequencies(architecture: Architecture): Float64Array {
  const half = architecture.headWidth / 2;
  return Float64Array.from({ length: half }, (_, pair) =>
    scaled(architecture.ropeTheta ** (-pair / half), architecture.ropeScaling),
  );
}

/** Long waves are slowed down by `factor`, short ones kept, those between blended. */
function scaled(frequency: number, scaling: Architecture["ropeScaling"]): number {
  if (scaling === null) return frequency;
  const turns = (scaling.originalLength * frequency) / (2 * Math.PI);
  if (turns < scaling.lowFrequencyFactor) return frequency / scaling.factor;
  if (turns > scaling.highFrequencyFactor) return frequency;
  const blend = (turns - scaling.lowFrequencyFactor) / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
  return ((1 - blend) / scaling.factor + blend) * frequency;
}

/** Cosines and sines of some positions, [N, D] each; both halves of D hold the same angles. */
export interface RotaryTable {
  readonly cos_ND: Float32Array;
  readonly sin_ND: Float32Array;
}

/** The table of these positions, one row each. */
export function rotaryTable(frequencies: Float64Array, positions_N: Int32Array): RotaryTable {
  const half = frequencies.length;
  const cos_ND = new Float32Array(positions_N.length * 2 * half);
  const sin_ND = new Float32Array(cos_ND.length);
  for (let row = 0; row < positions_N.length; row++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = (positions_N[row] as number) * (frequencies[pair] as number);
      const at = row * 2 * half + pair;
      cos_ND[at] = cos_ND[at + half] = Math.cos(angle);
      sin_ND[at] = sin_ND[at + half] = Math.sin(angle);
    }
  }
  return { cos_ND, sin_ND };
}

/** Angles of the positions 0 … length − 1 as [length, D]: cosines in the first half of a row, sines in the second. */
export function rotaryRows(frequencies: Float64Array, length: number): Float32Array {
  const half = frequencies.length;
  const rows_TD = new Float32Array(length * 2 * half);
  for (let position = 0; position < length; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = position * frequencies[pair];
      rows_TD[position * 2 * half + pair] = Math.cos(angle);
      rows_TD[position * 2 * half + half + pair] = Math.sin(angle);
    }
  }
  return rows_TD;
}
