/** A few small buffers on any device, and a program that keeps it busy for a while. */
import type { Buffer, BufferSpec, Device, Program } from "../../../src/engine/native/device.js";

export const PAIR: readonly BufferSpec[] = [
  { name: "a", shape: [2, 3], dtype: "f32" },
  { name: "b", shape: [2, 3], dtype: "f32" },
  { name: "ids", shape: [2], dtype: "i32" },
  { name: "table", shape: [4, 3], dtype: "f32" },
];
export const ONES = new Float32Array(6).fill(1);

export function pairOf(device: Device): Readonly<Record<"a" | "b" | "ids" | "table", Buffer>> {
  const buffers = device.allocate(PAIR);
  const [a, b, ids, table] = PAIR.map(({ name }) => buffers.get(name) as Buffer);
  return { a, b, ids, table };
}

/** Products of square matrices, one after the other. */
export interface Work {
  readonly width: number;
  readonly times: number;
}

export function longProgram(
  device: Device,
  { width, times }: Work,
): { readonly program: Program; readonly x: Buffer; readonly y: Buffer } {
  const specs = ["x", "y", "z"].map((name): BufferSpec => ({ name, shape: [width, width], dtype: "f32" }));
  const [x, y, z] = [...device.allocate(specs).values()];
  const program = device.record((operations) => {
    for (let time = 0; time < times; time++) operations.matmul(x, y, z);
  });
  return { program, x, y };
}
