/** What a device reaches when it only multiplies or only copies: the yardsticks for a step's FLOP/s and for each operation's time. */
import { type Buffer, type BufferSpec, type Device, DTYPE_BYTES, type Float, type Operations } from "./device.js";

/** out[rows, columns] = a[rows, inner] · b[columns, inner]ᵀ. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** Runs that warm caches and clocks up, and runs that count. */
const UNTIMED = 3;
const TIMED = 10;
/** Times in one program, so that starting it does not count. */
const REPEATS = 4;
/** Rows and columns at the most: a ceiling needs no buffers of gigabytes. */
const MOST_ROWS = 8192;
const MOST_COLUMNS = 16_384;

/** The best of several runs: a ceiling is what the machine can do, not what it did while something else ran. */
export async function timeProduct(
  device: Device,
  asked: Product,
  dtype: Float = "f32",
): Promise<Product & { flopsPerSecond: number }> {
  const { inner } = asked;
  const rows = Math.min(asked.rows, MOST_ROWS);
  const columns = Math.min(asked.columns, MOST_COLUMNS);
  const specs: BufferSpec[] = [
    { name: "out", shape: [rows, columns], dtype },
    { name: "a", shape: [rows, inner], dtype },
    { name: "b", shape: [columns, inner], dtype },
  ];
  const seconds = await best(device, specs, (ops, [out, a, b]) => ops.matmul(out, a, b, { transposeB: true }));
  return { rows, columns, inner, flopsPerSecond: (2 * rows * columns * inner) / seconds };
}

/** A copy of `bytes` within the device's memory, which should be far more than its caches hold; what is read and what is written both count. */
export async function timeCopy(device: Device, bytes: number): Promise<{ bytes: number; bytesPerSecond: number }> {
  const shape = [Math.ceil(bytes / DTYPE_BYTES.f32)];
  const specs: BufferSpec[] = ["to", "from"].map((name) => ({ name, shape, dtype: "f32" }));
  const seconds = await best(device, specs, (ops, [to, from]) => ops.copy(to, from));
  return { bytes, bytesPerSecond: (2 * bytes) / seconds };
}

/** Seconds of one operation over buffers of made-up numbers: zeros would be faster than any data, since fewer bits change. */
async function best(
  device: Device,
  specs: readonly BufferSpec[],
  operation: (ops: Operations, buffers: readonly Buffer[]) => void,
): Promise<number> {
  const buffers = [...device.allocate(specs).values()];
  try {
    for (const buffer of buffers.slice(1)) device.write(buffer, madeUp(buffer.size));
    using program = device.record((ops) => {
      for (let i = 0; i < REPEATS; i++) operation(ops, buffers);
    });
    let least = Number.POSITIVE_INFINITY;
    for (let run = 0; run < UNTIMED + TIMED; run++) {
      const started = performance.now();
      await device.run(program);
      if (run >= UNTIMED) least = Math.min(least, performance.now() - started);
    }
    return least / (1000 * REPEATS);
  } finally {
    device.free(buffers);
  }
}

/** Numbers between -1 and 1 of a linear congruential generator (Numerical Recipes, second edition, section 7.1): quick, and good enough here. */
function madeUp(size: number): Float32Array {
  const values = new Float32Array(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    values[i] = state / 2 ** 31;
  }
  return values;
}
