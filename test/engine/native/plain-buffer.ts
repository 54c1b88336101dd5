/** Buffers whose contents JavaScript can see. */
import { type Buffer, SCALARS } from "../../../src/engine/native/device.js";

export type PlainValues = Float64Array | Float32Array | Int32Array;

/** A buffer whose contents JavaScript can see. */
export interface PlainBuffer extends Buffer {
  readonly values: PlainValues;
}

export function valuesOf(buffer: Buffer): PlainValues {
  if (!("values" in buffer)) throw new Error(`${buffer.name} belongs to another device`);
  return (buffer as PlainBuffer).values;
}

/** Number of rows, and of values in a row, of a buffer seen as a matrix: the last extent is the width. */
export function rowsOf(buffer: Buffer): { readonly rows: number; readonly width: number } {
  const width = buffer.shape.at(-1) ?? 1;
  return { rows: buffer.size / width, width };
}

/** A number of the scalars buffer. */
export function scalarOf(scalars: Buffer, name: (typeof SCALARS)[number]): number {
  return valuesOf(scalars)[SCALARS.indexOf(name)];
}
