/** Arrays of numbers on the disk, in the machine's byte order: work files only. */
import { readFileSync, writeFileSync } from "node:fs";

export function writeNumbers(path: string, numbers: Uint32Array | Float64Array): void {
  writeFileSync(path, numbers);
}

export function readUint32(path: string): Uint32Array {
  const bytes = readFileSync(path);
  const numbers = new Uint32Array(bytes.length / Uint32Array.BYTES_PER_ELEMENT);
  new Uint8Array(numbers.buffer).set(bytes);
  return numbers;
}

export function readFloat64(path: string): Float64Array {
  const bytes = readFileSync(path);
  const numbers = new Float64Array(bytes.length / Float64Array.BYTES_PER_ELEMENT);
  new Uint8Array(numbers.buffer).set(bytes);
  return numbers;
}
