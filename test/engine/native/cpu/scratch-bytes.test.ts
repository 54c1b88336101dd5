/** The table of what the kernels keep, against the numbers that stand in their sources. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KERNEL_FOLDER } from "../../../../src/engine/native/cpu/compiler.js";
import { kernelScratch } from "../../../../src/engine/native/cpu/scratch.js";
import { type BatchSize, totalBytes } from "../../../../src/model/costs.js";
import { architectureOf } from "../../cases.js";

const MIB = 2 ** 20;
const PROCESSORS = {
  amx: "flags\t: fpu avx avx2 avx512f avx512_bf16 amx_bf16 amx_tile",
  avx512: "flags\t: fpu avx avx2 avx512f",
  avx2: "flags\t: fpu avx avx2",
  neon: "linux arm64\nFeatures\t: fp asimd",
  sse: "linux x64\nflags\t: fpu sse2",
};

/** The number that a name is given in a C source. */
function constant(file: string, name: string): number {
  const text = readFileSync(join(KERNEL_FOLDER, file), "utf8");
  const found = new RegExp(`\\b${name}(?: =)? (?:\\(\\(size_t\\))?(\\d+)\\)?(?: << (\\d+))?`).exec(text);
  if (found === null) throw new Error(`${file} has no ${name}`);
  return Number(found[1]) * 2 ** Number(found[2] ?? 0);
}

function parts(batch: BatchSize, changes: Parameters<typeof architectureOf>[0] = {}, processor = PROCESSORS.avx512) {
  const all = kernelScratch(architectureOf(changes), [batch], { threads: 2, processor });
  return Object.fromEntries(all.map(({ name, bytes }) => [name, bytes]));
}

describe("kernelScratch", () => {
  it("stands on the kernels' own numbers", () => {
    expect(constant("scratch.h", "ROW_PARTS")).toBe(64);
    expect(constant("scratch.h", "HUGE_FROM")).toBe(MIB);
    expect(constant("memory.c", "HUGE_PAGE")).toBe(2 * MIB);
    expect(constant("attention_tile.h", "TILE_VECTORS")).toBe(4);
    expect(constant("attention_tile.h", "BLOCK")).toBe(64);
    expect(constant("attention_backward.c", "TASKS")).toBe(32);
  });

  // One part for each thread's panels of a, one for the blocks of b, of which a grid of two threads has at most two pairs; in huge pages.
  it.each([
    ["amx", 4 * 256 * 192, 704 * 256 * 6],
    ["avx512", 6 * 384 * 16 * 4, 704 * 384 * 4],
    ["avx2", 12 * 256 * 8 * 4, 256 * 256 * 4],
    ["neon", 8 * 256 * 8 * 4, 252 * 256 * 4],
    ["sse", 12 * 256 * 8 * 4, 128 * 256 * 4],
  ] as const)("has panels for %s", (unit, a, b) => {
    const rounded = (bytes: number): number => (bytes >= MIB ? Math.ceil(bytes / (2 * MIB)) * 2 * MIB : bytes);
    const found = parts({ rows: 1, length: 8 }, {}, PROCESSORS[unit])["packed panels"];
    expect(found).toBe(rounded(2 * a) + rounded(4 * b));
  });

  it("has the sums of attention's tasks where few heads are shared by many", () => {
    // 1 row and 1 key/value head make 1 pair, so 32 tasks; each sums 2·T·D floats. 16 lanes: D = 64 needs no padding.
    const few = parts({ rows: 1, length: 4096 }, { heads: 8, kvHeads: 1, headWidth: 64 });
    expect(few["partial sums"]).toBe(32 * 2 * 4096 * 64 * 4);
    // 8 rows of 4 heads are 32 pairs: every task owns one, and keeps its sums in the thread's memory.
    const many = parts({ rows: 8, length: 4096 }, { heads: 4, kvHeads: 4, headWidth: 64 });
    expect(many["partial sums"]).toBeLessThan(MIB);
    const tile = (3 * 64 + 2 * 64 + 2 * 64) * 64;
    expect(many["attention tiles"]).toBe(2 * Math.ceil(((tile + 2 * 4096 * 64) * 4) / (2 * MIB)) * 2 * MIB);
  });

  it("has no more tasks than tiles of queries", () => {
    // 20 tokens of one head are one tile of 64: nothing to share.
    expect(parts({ rows: 1, length: 20 }, { heads: 1, kvHeads: 1 })["partial sums"]).toBe(64 * 24 * 4);
  });

  it("pads head widths to whole vectors", () => {
    const bytes = (processor: string) =>
      parts({ rows: 1, length: 4096 }, { heads: 8, kvHeads: 1, headWidth: 40 }, processor)["partial sums"];
    expect(bytes(PROCESSORS.avx512)).toBe(32 * 2 * 4096 * 48 * 4);
    expect(bytes(PROCESSORS.avx2)).toBe(32 * 2 * 4096 * 40 * 4);
  });

  it("grows with threads and takes the largest batch", () => {
    const of = (threads: number, ...batches: BatchSize[]) =>
      totalBytes(kernelScratch(architectureOf(), batches, { threads, processor: PROCESSORS.avx512 }));
    const [small, large] = [
      { rows: 1, length: 16 },
      { rows: 1, length: 9000 },
    ];
    expect(of(2, small, large)).toBe(of(2, large));
    expect(of(2, small)).toBeLessThan(of(2, large));
    expect(of(8, small)).toBeGreaterThan(of(2, small));
    expect(of(2)).toBeGreaterThan(0);
  });
});
