/** Rows for new tokens, against plain sums over the whole matrix. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBf16, toBf16 } from "../../src/base/bf16.js";
import { randomNormal, streamOf } from "../../src/base/random.js";
import type { Piece, TensorSource } from "../../src/engine/engine.js";
import { gathered } from "../../src/engine/seam.js";
import { EMBEDDING, HEAD } from "../../src/model/parameters.js";
import { type NewRows, withNewRows } from "../../src/train/new-rows.js";

const WIDTH = 5;

/** A matrix in pieces of any length, as a reader may give it: in memory that the next piece overwrites. */
function sourceOf(values: Float32Array, piece: number, bf16: boolean, name: string = EMBEDDING): TensorSource {
  function* pieces(): Generator<Piece> {
    const buffer = new Float32Array(piece);
    const bits = new Uint16Array(piece);
    for (let at = 0; at < values.length; at += piece) {
      const some = values.subarray(at, at + piece);
      buffer.fill(Number.NaN).set(some);
      toBf16(buffer, bits);
      yield bf16 ? bits.subarray(0, some.length) : buffer.subarray(0, some.length);
    }
  }
  return { name, kind: "weight", shape: [values.length / WIDTH, WIDTH], pieces };
}

/** Numbers that bf16 holds exactly. */
function matrix(rows: number): Float32Array {
  const bits = new Uint16Array(rows * WIDTH);
  toBf16(
    Float32Array.from(bits, (_, index) => randomNormal(1, 2, index)),
    bits,
  );
  const values = new Float32Array(bits.length);
  fromBf16(bits, values);
  return values;
}

const rowsOf = (values: Float32Array): number[][] =>
  Array.from({ length: values.length / WIDTH }, (_, row) => [...values.subarray(row * WIDTH, (row + 1) * WIDTH)]);

/** Mean of rows in float64, in their order. */
function meanOf(rows: readonly (readonly number[])[]): number[] {
  const sums = Array.from({ length: WIDTH }, (_, column) => rows.reduce((sum, row) => sum + row[column], 0));
  return sums.map((sum) => Math.fround(sum / rows.length));
}

async function grown(base: Float32Array, options: NewRows, piece = 7, bf16 = false, name = EMBEDDING) {
  const [tensor] = withNewRows([sourceOf(base, piece, bf16, name)], options);
  expect(tensor.shape).toEqual([options.rows, WIDTH]);
  return rowsOf(await gathered(tensor));
}

describe("new rows", () => {
  it("are means of their pieces, of all used rows, and padding beyond them, wherever pieces are cut", async () => {
    const cases = fc.record({
      used: fc.integer({ min: 2, max: 9 }),
      padding: fc.nat({ max: 4 }),
      added: fc.integer({ min: 1, max: 5 }),
      beyond: fc.nat({ max: 3 }),
      piece: fc.integer({ min: 1, max: 60 }),
      bf16: fc.boolean(),
      initial: fc.constantFrom("pieces" as const, "mean" as const),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ used, padding, added, beyond, piece, bf16, initial }) => {
        const base = matrix(used + padding);
        const before = rowsOf(base);
        const pieces = Array.from({ length: added }, (_, token) => [token % used, 1, token % used]);
        const rows = Math.max(used + padding, used + added + beyond);
        const found = await grown(base, { rows, used, pieces, initial, seed: 1 }, piece, bf16);
        const mean = meanOf(before.slice(0, used));
        const fresh = pieces.map((ids) => (initial === "mean" ? mean : meanOf(ids.map((id) => before[id]))));
        const behind = Array.from({ length: rows - used - added }, (_, row) => before[used + added + row] ?? mean);
        expect(found).toEqual([...before.slice(0, used), ...fresh, ...behind]);
      }),
      { numRuns: 200 },
    );
  });

  it("are random numbers with the deviation of the used rows, equal for equal seeds, other for the head", async () => {
    const base = matrix(400);
    const options = {
      rows: 800,
      used: 390,
      pieces: Array.from({ length: 410 }, () => [0]),
      initial: "random",
    } as const;
    const found = await grown(base, { ...options, seed: 1 });
    const fresh = found.slice(390).flat();
    const used = rowsOf(base).slice(0, 390).flat();
    const deviation = (values: readonly number[]) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    };
    // The relative deviation of the estimate from n numbers is 1/√(2n); five of them.
    expect(Math.abs(deviation(fresh) / deviation(used) - 1)).toBeLessThan(5 / Math.sqrt(2 * fresh.length));
    expect(await grown(base, { ...options, seed: 1 })).toEqual(found);
    expect(await grown(base, { ...options, seed: 2 })).not.toEqual(found);
    expect((await grown(base, { ...options, seed: 1 }, 7, false, HEAD)).slice(390)).not.toEqual(found.slice(390));
    expect(streamOf("new row 0 of 1 of x")).not.toBe(streamOf("new row 1 of 1 of x"));
  });

  it("leave other tensors alone", () => {
    const other = sourceOf(matrix(3), 4, false, "model.norm.weight");
    expect(withNewRows([other], { rows: 9, used: 2, pieces: [[0]], initial: "mean", seed: 0 })[0]).toBe(other);
  });
});
