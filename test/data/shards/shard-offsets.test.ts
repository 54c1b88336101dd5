import { writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { ShardFile } from "../../../src/data/shards/shard-file.js";
import { OFFSETS_AT_ONCE, type Offsets, readOffsets, rowEdges } from "../../../src/data/shards/shard-offsets.js";
import { temporaryFolder } from "./shard-samples.js";

/** A file of list offsets that starts at byte 8. */
async function withOffsets<T>(
  offsets: readonly number[],
  large: boolean,
  use: (file: ShardFile, place: Offsets) => T,
): Promise<T> {
  await using folder = await temporaryFolder();
  const bytes = large
    ? new Uint8Array(BigInt64Array.from(offsets, BigInt).buffer)
    : new Uint8Array(Int32Array.from(offsets).buffer);
  await writeFile(folder.file("a"), Buffer.concat([Buffer.alloc(8), bytes]));
  using file = new ShardFile(folder.file("a"));
  const base = offsets[0];
  return use(file, { at: 8, large, base, values: offsets[offsets.length - 1] - base, rows: offsets.length - 1 });
}

/** First edge of every row that is found for `[from, to)`, by row. */
function found(file: ShardFile, place: Offsets, from: number, to: number): Map<number, [number, number]> {
  const rows = new Map<number, [number, number]>();
  for (const { row, edges } of rowEdges(file, place, from, to, "here"))
    for (let i = 0; i + 1 < edges.length; i++) rows.set(row + i, [edges[i], edges[i + 1]]);
  return rows;
}

function running(lengths: readonly number[], base: number): number[] {
  const offsets = [base];
  for (const length of lengths) offsets.push(offsets[offsets.length - 1] + length);
  return offsets;
}

describe("rowEdges", () => {
  it.each([false, true])("finds every row that holds a value of the window (64-bit offsets: %s)", async (large) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(5), { minLength: 1, maxLength: 30 }),
        fc.constantFrom(1, 50, 200),
        fc.nat(9),
        fc.nat(),
        fc.nat(),
        async (pattern, repeats, base, a, b) => {
          const lengths = Array.from({ length: repeats }, () => pattern).flat();
          const offsets = running(lengths, base);
          const values = offsets[offsets.length - 1] - base;
          if (values === 0) return;
          const from = a % values;
          const to = from + 1 + (b % (values - from));
          const rows = await withOffsets(offsets, large, (file, place) => found(file, place, from, to));
          for (const [row, length] of lengths.entries()) {
            const start = offsets[row] - base;
            if (length > 0 && start < to && start + length > from)
              expect(rows.get(row)).toEqual([start, start + length]);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("reads few offsets of many", async () => {
    const offsets = running(new Array(100_000).fill(3), 0);
    const rows = await withOffsets(offsets, false, (file, place) => found(file, place, 150_000, 150_010));
    expect(rows.get(50_000)).toEqual([150_000, 150_003]);
    expect(rows.size).toBeLessThanOrEqual(2 * OFFSETS_AT_ONCE);
  });

  it("follows rows across pieces", async () => {
    const offsets = running(new Array(3 * OFFSETS_AT_ONCE).fill(1), 0);
    const rows = await withOffsets(offsets, true, (file, place) => found(file, place, 0, place.values));
    expect(rows.size).toBe(3 * OFFSETS_AT_ONCE);
    for (const [row, edges] of rows) expect(edges).toEqual([row, row + 1]);
  });

  it.each([
    ["falls", [0, 5, 4, 9]],
    ["exceeds the values", [0, 5, 10, 9]],
    ["is negative", [0, -5, 4, 9]],
    ["falls in the middle of many", [...running(new Array(300).fill(2), 0), 2, 601]],
  ])("refuses a list offset that %s", async (_, offsets) => {
    await withOffsets(offsets, false, (file, place) => {
      expect(() => found(file, place, 0, place.values)).toThrow(UserError);
      expect(() => found(file, place, 0, place.values)).toThrow("do not rise");
    });
  });

  it("refuses offsets that do not begin and end where the index found them", async () => {
    await withOffsets([0, 5, 9], false, (file, place) => {
      expect(() => found(file, { ...place, values: 10 }, 0, 10)).toThrow("do not span");
      expect(() => found(file, { ...place, base: -1, values: 10 }, 0, 10)).toThrow(UserError);
    });
  });
});

describe("readOffsets", () => {
  it("reads 64-bit offsets beyond 32 bits", async () => {
    const offsets = [2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3];
    await withOffsets(offsets, true, (file, place) =>
      expect(Array.from(readOffsets(file, place, 0, 3))).toEqual(offsets),
    );
  });

  it("keeps negative offsets negative, for its caller to refuse", async () => {
    for (const large of [false, true])
      await withOffsets([-3, 2], large, (file, place) =>
        expect(Array.from(readOffsets(file, place, 0, 2))).toEqual([-3, 2]),
      );
  });
});
