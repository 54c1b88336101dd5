/** Launches of attention, without a card: every width fits every card, grids cover the rows, arguments are those of the signatures. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { attention, attentionBackward, WIDEST_HEAD } from "../../../../../src/engine/native/cuda/kernels/attention.js";
import { chooseTile, type TiledKernel } from "../../../../../src/engine/native/cuda/kernels/attention-tiles.js";
import type { Card } from "../../../../../src/engine/native/cuda/runtime/card.js";
import type { Launch } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import type { AttentionShape } from "../../../../../src/engine/native/device.js";
import { CARDS } from "./cards.js";

const KERNELS = join(import.meta.dirname, "../../../../../src/engine/native/cuda/kernels");
const STORAGES = ["f32", "bf16"] as const;
const AT = { out: 1n, lse: 2n, qkv: 3n, starts: 4n, dQkv: 5n, scratch: 6n, dOut: 7n };
const LLAMA: AttentionShape = { B: 2, T: 4096, H: 32, K: 8, D: 128, window: null };

function launchesOf(shape: AttentionShape, storage: (typeof STORAGES)[number], card: Card = CARDS.h100): Launch[] {
  return [...attention(AT, shape, storage, card), ...attentionBackward(AT, shape, storage, card)];
}

/** Parameters of a kernel as its file has them. */
function parametersOf({ kernel }: Launch): string[] {
  const text = readFileSync(join(KERNELS, kernel.file), "utf8");
  const list = new RegExp(`\\s${kernel.name}\\(([^)]*)\\)`).exec(text)?.[1];
  if (list === undefined) throw new Error(`${kernel.file} has no ${kernel.name}`);
  return list.split(",").map((parameter) => parameter.trim());
}

function kindOf(parameter: string): string {
  if (parameter.includes("*")) return "pointer";
  return parameter.startsWith("float") ? "f32" : "i32";
}

describe.each(STORAGES)("attention's launches, %s", (storage) => {
  it.each(Object.values(CARDS))("fit $name at every width of a head", (card) => {
    for (let D = 1; D <= WIDEST_HEAD; D++)
      for (const { sharedBytes, block } of launchesOf({ ...LLAMA, D }, storage, card)) {
        expect(sharedBytes).toBeLessThanOrEqual(card.sharedBytesPerBlock);
        expect(block[0] % 32).toBe(0);
      }
  });

  it("pass what the kernels' signatures ask for", () => {
    for (const launch of launchesOf(LLAMA, storage))
      expect(launch.args.map((argument) => Object.keys(argument)[0])).toEqual(parametersOf(launch).map(kindOf));
  });

  it("name everything that the kernels are compiled with", () => {
    for (const { kernel } of launchesOf({ ...LLAMA, D: 256 }, storage)) {
      const text = readFileSync(join(KERNELS, kernel.file), "utf8");
      for (const name of Object.keys(kernel.defines))
        expect(text + tileHeader(), `${kernel.file}: ${name}`).toContain(name);
    }
  });

  it.each([1, 31, 64, 65, 4097])("cover rows of %i tokens", (T) => {
    const shape = { ...LLAMA, T };
    const [forward, , queries, keys] = launchesOf(shape, storage);
    const kinds: [Launch, TiledKernel, number][] = [
      [forward, "forward", shape.H],
      [queries, "queries", shape.H],
      [keys, "keys", shape.K],
    ];
    for (const [{ grid }, kernel, heads] of kinds) {
      const { owned } = chooseTile(kernel, storage, shape, CARDS.h100);
      expect(grid.slice(0, 2)).toEqual([heads, shape.B]);
      expect(grid[2] * owned).toBeGreaterThanOrEqual(T);
      expect((grid[2] - 1) * owned).toBeLessThan(T);
    }
  });

  it("give the keys' kernel one launch where both gradients fit, two for wide heads of bf16", () => {
    expect(attentionBackward(AT, LLAMA, storage, CARDS.h100)).toHaveLength(3);
    const wide = attentionBackward(AT, { ...LLAMA, D: 256 }, storage, CARDS.h100);
    expect(wide).toHaveLength(storage === "bf16" ? 4 : 3);
    if (storage === "f32") return;
    const sets = wide.slice(2).map(({ kernel }) => [kernel.defines["SET_KEYS"], kernel.defines["SET_VALUES"]]);
    expect(sets).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });

  it("pass the whole row as the window where there is none, and no more than it", () => {
    const windowOf = (window: number | null) => attention(AT, { ...LLAMA, window }, storage, CARDS.h100)[0].args.at(-2);
    for (const window of [null, 100_000]) expect(windowOf(window)).toEqual({ i32: LLAMA.T });
    expect(windowOf(7)).toEqual({ i32: 7 });
  });

  it("are compiled for a cache where there is one, and for none where training has none to look at", () => {
    const cache = { keysValues: AT.qkv, places: AT.starts, S: 64 };
    const [[cached], [own]] = [{ ...AT, cache }, AT].map((at) => attention(at, LLAMA, storage, CARDS.h100));
    expect(cached.kernel).toEqual({ ...own.kernel, defines: { ...own.kernel.defines, CACHED: 1 } });
  });

  it.each([
    [{ K: 5 }, /5 key\/value heads cannot be shared by 32/],
    [{ D: 257 }, /257 wide/],
    [{ window: 0 }, /window of 0/],
    [{ B: 65536 }, /65536 rows/],
  ] as const)("refuse %o", (change, message) => {
    expect(() => attention(AT, { ...LLAMA, ...change }, storage, CARDS.h100)).toThrow(message);
    expect(() => attentionBackward(AT, { ...LLAMA, ...change }, storage, CARDS.h100)).toThrow(message);
  });
});

function tileHeader(): string {
  return readFileSync(join(KERNELS, "attention_tile.cuh"), "utf8");
}

describe("the choice of tiles", () => {
  it("keeps eight warps on a multiprocessor of every card", () => {
    for (const card of Object.values(CARDS))
      for (const kernel of ["forward", "queries", "keys"] as const)
        for (const D of [64, 128]) {
          const { warps, sharedBytes } = chooseTile(kernel, "bf16", { ...LLAMA, D }, card);
          const blocks = Math.floor((card.sharedBytesPerBlock + 1024) / (sharedBytes + 1024));
          expect(warps * blocks, `${card.name}, ${kernel}, D ${D}`).toBeGreaterThanOrEqual(8);
        }
  });

  it("takes smaller tiles where large ones leave multiprocessors idle", () => {
    const short = { ...LLAMA, B: 1, H: 12, K: 12, T: 1024 };
    expect(chooseTile("forward", "bf16", LLAMA, CARDS.h100).blockQ).toBe(128);
    expect(chooseTile("forward", "bf16", short, CARDS.h100).blockQ).toBe(64);
  });

  it("says when nothing fits", () => {
    const small = { ...CARDS.h100, sharedBytesPerBlock: 1024 };
    expect(() => attention(AT, LLAMA, "bf16", small)).toThrow(/no tile for heads 128 wide fits 1024 bytes/);
  });
});
