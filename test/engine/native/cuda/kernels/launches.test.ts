/** Launch descriptions as plain values: grids cover, arguments fit the signatures, accesses are aligned, scratch suffices. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  accessBytes,
  bytesOf,
  i32,
  i64,
  packOf,
  powerOfTwoFrom,
  rowGrid,
  type Storage,
  teamBlock,
  teamOf,
} from "../../../../../src/engine/native/cuda/kernels/access.js";
import { adamw } from "../../../../../src/engine/native/cuda/kernels/adamw.js";
import { addBiasBackward, addBiasBackwardScratch } from "../../../../../src/engine/native/cuda/kernels/add-bias.js";
import { crossEntropy } from "../../../../../src/engine/native/cuda/kernels/cross-entropy.js";
import { add, rope, sliceColumns, swiglu } from "../../../../../src/engine/native/cuda/kernels/elements.js";
import { embedBackward, embedBackwardScratch } from "../../../../../src/engine/native/cuda/kernels/embed.js";
import {
  rmsNorm,
  rmsNormBackward,
  rmsNormBackwardScratch,
} from "../../../../../src/engine/native/cuda/kernels/rms-norm.js";
import { scalarDefines } from "../../../../../src/engine/native/cuda/kernels/scalars.js";
import { SQUARED_NORM_SCRATCH, squaredNorm } from "../../../../../src/engine/native/cuda/kernels/squared-norm.js";
import { ELEMENT_KERNELS } from "../../../../../src/engine/native/cuda/kernels/variants.js";
import type { Argument, Launch } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import { checkArguments, signaturesOf } from "../../../../../src/engine/native/cuda/runtime/signature.js";
import { SCALARS } from "../../../../../src/engine/native/device.js";

const FOLDER = new URL("../../../../../src/engine/native/cuda/kernels/", import.meta.url);
const HERE = 4096n;

function textOf(file: string): string {
  return readFileSync(new URL(file, FOLDER), "utf8");
}

function wholeNumber(argument: Argument): number {
  if ("i32" in argument) return argument.i32;
  if ("i64" in argument) return argument.i64;
  throw new Error("no whole number");
}

/** What holds of every launch. */
function expectSound(launches: readonly Launch[]): void {
  for (const { kernel, grid, block, args } of launches) {
    checkArguments(kernel.name, signaturesOf(kernel.file, textOf(kernel.file), kernel.name), args);
    const threads = block[0] * block[1] * block[2];
    expect(threads % 32, "shuffles need whole warps").toBe(0);
    expect(threads).toBeLessThanOrEqual(1024);
    grid.forEach((blocks, axis) => {
      expect(Number.isInteger(blocks) && blocks > 0).toBe(true);
      expect(blocks).toBeLessThanOrEqual(axis === 0 ? 2 ** 31 - 1 : 65535);
    });
  }
}

/** Sizes, and an address that may be as badly aligned as an element allows. */
const STORAGE = fc.constantFrom<Storage>("f32", "bf16");
const ROWS = fc.integer({ min: 1, max: 300_000 });
const WIDTH = fc.oneof(
  fc.integer({ min: 1, max: 9000 }),
  fc.integer({ min: 1, max: 1024 }).map((units) => units * 8),
);

describe("every kernel", () => {
  it.each(ELEMENT_KERNELS.map((kernel) => [`${kernel.file} ${kernel.name} ${JSON.stringify(kernel.defines)}`, kernel]))(
    "%s has exactly the constants that its file asks for",
    (_, kernel) => {
      const [, asked = ""] = /-D:([\s\S]*?)\*\//.exec(textOf(kernel.file)) ?? [];
      expect(Object.keys(kernel.defines).sort()).toEqual([...new Set(asked.match(/[A-Z][A-Z0-9_]+/g) ?? [])].sort());
    },
  );

  it("is named by a launch, so that none is dead", () => {
    const files = [...new Set(ELEMENT_KERNELS.map(({ file }) => file))];
    for (const file of files) {
      const inFile = [...textOf(file).matchAll(/__global__[^(]*(?:\([^)]*\))?\s*(\w+)\(/g)].map(([, name]) => name);
      const named = new Set(ELEMENT_KERNELS.filter((kernel) => kernel.file === file).map(({ name }) => name));
      expect([...named].sort(), file).toEqual(inFile.sort());
    }
  });
});

describe("accesses", () => {
  it("are the widest that every extent and address allows", () => {
    expect(packOf("bf16", [4096], [HERE])).toBe(8);
    expect(packOf("f32", [4096], [HERE])).toBe(4);
    expect(packOf("bf16", [4096, 12], [HERE])).toBe(4);
    expect(packOf("bf16", [4096], [HERE, HERE + 4n])).toBe(2);
    expect(packOf("bf16", [4096, 13], [HERE])).toBe(1);
    expect(() => packOf("f32", [4], [HERE + 2n])).toThrow("no multiple of its 4-byte elements");
  });

  it("divide what they must, and no wider one would", () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 4), WIDTH, fc.bigInt({ min: 0n, max: 64n }), (element, extent, step) => {
        const address = HERE + step * BigInt(element);
        const bytes = accessBytes(element, [extent], [address]);
        const fits = (wide: number): boolean => (extent * element) % wide === 0 && address % BigInt(wide) === 0n;
        expect(fits(bytes)).toBe(true);
        expect(bytes === 16 || !fits(2 * bytes)).toBe(true);
      }),
    );
  });

  it("share rows out to whole blocks", () => {
    fc.assert(
      fc.property(ROWS, WIDTH, (rows, units) => {
        const { grid, block } = rowGrid(rows, units);
        expect(grid[0] * block[1]).toBeGreaterThanOrEqual(rows);
        expect((grid[0] - 1) * block[1]).toBeLessThan(rows);
        expect(block[0] * block[1]).toBe(256);
      }),
    );
  });

  it("share a row out to a team that is a power of two, a warp's part or a block", () => {
    fc.assert(
      fc.property(WIDTH, fc.constantFrom(2, 4), (units, most) => {
        const team = teamOf(units, most);
        expect(powerOfTwoFrom(team)).toBe(team);
        expect(team * (units <= 32 ? 1 : Math.max(most, Math.ceil(units / 1024)))).toBeGreaterThanOrEqual(units);
        expect(teamBlock(team).threads).toBe(team * teamBlock(team).rows);
      }),
    );
  });

  it("are counted with whole numbers of the signature's width", () => {
    expect(() => i32(2 ** 31)).toThrow("32-bit");
    expect(() => i32(0.5)).toThrow("32-bit");
    expect(() => i64(2 ** 53)).toThrow("whole number");
    expect(i64(2 ** 52)).toEqual({ i64: 2 ** 52 });
  });
});

describe("launches", () => {
  it("of norms cover all rows, and their parts fit into the scratch", () => {
    fc.assert(
      fc.property(ROWS, WIDTH, STORAGE, (N, C, storage) => {
        const buffers = { out_NC: HERE, rstd_N: HERE, residual_NC: HERE, delta_NC: null, weight_C: HERE };
        const [forward] = rmsNorm(buffers, { N, C }, 1e-5, storage);
        const rows = (launch: Launch): number => launch.block[0] / Number(launch.kernel.defines["TEAM"]);
        expect(forward.grid[0] * rows(forward)).toBeGreaterThanOrEqual(N);
        const d = { dX_NC: HERE, dWeight_C: HERE, dOut_NC: HERE, x_NC: HERE, rstd_N: HERE, weight_C: HERE };
        const backward = rmsNormBackward({ ...d, scratch: HERE }, { N, C }, storage);
        expect(backward[0].grid[0] * C * 4).toBeLessThanOrEqual(rmsNormBackwardScratch({ N, C }));
        expect(wholeNumber(backward[1].args[2])).toBe(backward[0].grid[0]);
        expectSound([forward, ...backward]);
      }),
    );
  });

  it("of the bias's gradient cover all columns, and their parts fit into the scratch", () => {
    fc.assert(
      fc.property(ROWS, WIDTH, STORAGE, (N, C, storage) => {
        const launches = addBiasBackward({ dBias_C: HERE, dOut_NC: HERE, scratch: HERE }, { N, C }, storage);
        const [{ grid, kernel }] = launches;
        expect(grid[0] * 32 * Number(kernel.defines["PACK"])).toBeGreaterThanOrEqual(C);
        expect(grid[1] * C * 4).toBeLessThanOrEqual(addBiasBackwardScratch({ N, C }));
        expect(wholeNumber(launches[1].args[2])).toBe(grid[1]);
        expectSound(launches);
      }),
    );
  });

  it("of the embedding's gradient sort all tokens, and take four lists of scratch that do not overlap", () => {
    fc.assert(
      fc.property(ROWS, WIDTH, STORAGE, STORAGE, (N, C, storage, gradient) => {
        const buffers = { dTable_VC: HERE, dOut_NC: HERE, ids_N: HERE, scratch: 1n << 40n };
        const launches = embedBackward(buffers, { N, C }, storage, gradient);
        const [chunks, merge, runs] = launches;
        expect(chunks.grid[0] * chunks.block[0]).toBeGreaterThanOrEqual(N);
        expect(merge.grid[0] * merge.block[0]).toBeGreaterThanOrEqual(N);
        expect(runs.grid[0] * runs.block[1]).toBeGreaterThanOrEqual(N);
        expect(runs.grid[1] * runs.block[0] * Number(runs.kernel.defines["PACK"])).toBeGreaterThanOrEqual(C);
        const lists = merge.args
          .slice(0, 4)
          .map((one) => ("pointer" in one ? (one.pointer ?? 0n) : 0n))
          .sort();
        lists.forEach((list, index) => {
          const end = lists[index + 1] ?? (1n << 40n) + BigInt(embedBackwardScratch(N));
          expect(end - list >= BigInt(N * 4)).toBe(true);
        });
        expectSound(launches);
      }),
    );
  });

  it("of elements and rows are sound at any size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), WIDTH, STORAGE, (N, C, storage) => {
        const shape = { B: 1, T: N, H: 3, K: 1, D: 2 * C, window: null };
        const loss = { loss_N: HERE, logits_NV: HERE, targets_N: HERE, mask_N: HERE, scalars: HERE };
        expectSound([
          ...add({ out: HERE, x: HERE }, N * C, storage),
          ...swiglu({ out_NF: HERE, gateUp_NX: HERE }, { N, F: C }, storage),
          ...rope({ qkv_NX: HERE, table_TD: HERE, positions_N: HERE }, shape, storage),
          ...crossEntropy(loss, { N, columns: C, vocabulary: C }, storage, { gradient: true }),
          ...sliceColumns({ out: HERE, x: HERE }, { N, width: C, wide: 2 * C, from: C }, storage),
          ...squaredNorm({ out: HERE, x: HERE, scratch: HERE }, N * C, storage),
        ]);
      }),
    );
  });

  it("of columns begin at the first column that moves", () => {
    const [{ args, kernel }] = sliceColumns({ out: HERE, x: HERE }, { N: 2, width: 8, wide: 24, from: 4 }, "bf16");
    expect(args[1]).toEqual({ pointer: HERE + 8n });
    expect(kernel.defines).toEqual({ BYTES: 8 });
    expect(args.slice(2).map(wholeNumber)).toEqual([2, 2, 2, 6]);
  });

  it("of the rotation read angles no wider than their table is aligned", () => {
    const shape = { B: 1, T: 4, H: 1, K: 1, D: 16, window: null };
    const pack = (table_TD: bigint) =>
      rope({ qkv_NX: HERE, table_TD, positions_N: HERE }, shape, "bf16")[0].kernel.defines["PACK"];
    expect([HERE, HERE + 8n, HERE + 4n].map(pack)).toEqual([8, 2, 1]);
  });

  it("of the squared norm have as many parts as the scratch holds", () => {
    const [sums, blocks] = squaredNorm({ out: HERE, x: HERE, scratch: HERE }, 2 ** 33, "bf16");
    expect(sums.grid[0] * 8).toBeLessThanOrEqual(SQUARED_NORM_SCRATCH);
    expect(wholeNumber(blocks.args[2])).toBe(sums.grid[0]);
  });
});

describe("adamw", () => {
  const arenas = { weight: HERE, master: null, moment1: HERE, moment2: HERE, gradient: HERE, scalars: HERE };
  const storage = { weight: "bf16", moment: "bf16", gradient: "bf16" } as const;

  it("is one launch that covers any count, beyond 32 bits too", () => {
    for (const count of [1, 8, 2049, 2 ** 33 + 5]) {
      const launches = adamw(arenas, { count, first: 0, decays: true }, storage);
      expect(launches).toHaveLength(1);
      expect(launches[0].grid[0] * 256 * 8).toBeGreaterThanOrEqual(count);
      expectSound(launches);
    }
  });

  it("refuses ranges that 16-byte accesses or the random bits cannot begin at", () => {
    const range = { count: 8, first: 0, decays: false };
    expect(() => adamw({ ...arenas, moment1: HERE + 8n }, range, storage)).toThrow("moment1 at 4104");
    expect(() => adamw(arenas, { ...range, first: 4 }, storage)).toThrow("begins at 4");
  });
});

describe("scalars", () => {
  it("are those of the device interface, then the key, and -D constants are their indices", () => {
    expect(SCALARS.slice(0, SCALARS.length)).toEqual([...SCALARS]);
    expect(SCALARS.slice(-2)).toEqual(["roundingKey1", "roundingKey2"]);
    expect(scalarDefines(["lossScale", "weightDecay", "roundingKey2"])).toEqual({
      LOSS_SCALE: 0,
      WEIGHT_DECAY: SCALARS.indexOf("weightDecay"),
      ROUNDING_KEY2: SCALARS.length - 1,
    });
  });

  it("and storages have the sizes that kernels expect", () => {
    expect([bytesOf("f32"), bytesOf("bf16")]).toEqual([4, 2]);
  });
});
