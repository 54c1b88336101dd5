/** What a device reaches when it only multiplies: the yardstick for a step's model FLOP/s. */
import type { Device } from "./device.js";

/** out[rows, columns] = a[rows, inner] · b[columns, inner]ᵀ. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** Runs that warm caches and clocks up, and runs that count. */
const UNTIMED = 3;
const TIMED = 10;
/** Products in one program, so that starting it does not count. */
const REPEATS = 4;
/** Rows at the most: a ceiling needs no buffers of gigabytes. */
const MOST_ROWS = 4096;

/** The best of several runs: a ceiling is what the machine can do, not what it did while something else ran. */
export async function timeProduct(device: Device, asked: Product): Promise<Product & { flopsPerSecond: number }> {
  const { columns, inner } = asked;
  const rows = Math.min(asked.rows, MOST_ROWS);
  const buffers = device.allocate([
    { name: "out", shape: [rows, columns], dtype: "f32" },
    { name: "a", shape: [rows, inner], dtype: "f32" },
    { name: "b", shape: [columns, inner], dtype: "f32" },
  ]);
  const [out, a, b] = [...buffers.values()];
  device.write(a, new Float32Array(rows * inner).fill(0.5));
  device.write(b, new Float32Array(columns * inner).fill(0.25));
  const program = device.record((ops) => {
    for (let i = 0; i < REPEATS; i++) ops.matmul(out, a, b, { transposeB: true });
  });
  try {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < UNTIMED + TIMED; run++) {
      const started = performance.now();
      await device.run(program);
      if (run >= UNTIMED) best = Math.min(best, performance.now() - started);
    }
    return { rows, columns, inner, flopsPerSecond: (2 * rows * columns * inner * REPEATS * 1000) / best };
  } finally {
    program[Symbol.dispose]();
    device.free([...buffers.values()]);
  }
}
