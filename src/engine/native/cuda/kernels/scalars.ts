/** Where kernels find the step's numbers: indices into the scalars buffer as -D constants, so that they follow `device.ts`. */
import { SCALARS } from "../../device.js";

/** `learningRate` → `{ LEARNING_RATE: 2 }`. */
export function scalarDefines(names: readonly (typeof SCALARS)[number][]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    names.map((name) => [name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(), SCALARS.indexOf(name)]),
  );
}
