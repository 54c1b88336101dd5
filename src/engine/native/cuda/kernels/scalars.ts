/** Where kernels find the step's numbers: indices into the scalars buffer as -D constants, so that they follow `device.ts`. */
import { SCALARS } from "../../device.js";

/** The scalars of a CUDA device: the interface's, then the step's key for random bits, two whole numbers below 2^24. */
export const CUDA_SCALARS = [...new Set([...SCALARS, "roundingKey1", "roundingKey2"] as const)];

export type CudaScalar = (typeof CUDA_SCALARS)[number];

/** `learningRate` → `{ LEARNING_RATE: 2 }`. */
export function scalarDefines(names: readonly CudaScalar[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    names.map((name) => [name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(), CUDA_SCALARS.indexOf(name)]),
  );
}
