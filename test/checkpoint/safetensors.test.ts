/** The writer and the reader of safetensors files, without damage; damage is in safetensors-damage.test.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBf16 } from "../../src/base/bf16.js";
import { UserError } from "../../src/base/errors.js";
import { SafetensorsFile, writeSafetensors } from "../../src/checkpoint/safetensors.js";
import type { TensorSpec } from "../../src/checkpoint/safetensors-header.js";
import { sourceOf } from "../../src/checkpoint/tensor-files.js";
import type { EngineTensor, Piece } from "../../src/engine/engine.js";
import { gathered } from "../../src/engine/seam.js";
import { AWKWARD_BITS, bitsOf, newFolder, tensor, wholeTensors } from "./content.js";

async function written(tensors: readonly TensorSpec[], values: Iterable<Piece>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await writeSafetensors(async (bytes) => void pieces.push(Buffer.from(bytes)), tensors, values);
  return Buffer.concat(pieces);
}

type NamedTensor = Pick<EngineTensor, "name" | "shape" | "data">;

function bytesOf(tensors: readonly NamedTensor[]): Promise<Buffer> {
  return written(
    tensors,
    tensors.map(({ data }) => data),
  );
}

function readAll(path: string): Promise<NamedTensor[]> {
  const file = SafetensorsFile.open(path);
  return wholeTensors(file.tensors.map((entry) => sourceOf(file, entry, { name: entry.name, kind: "weight" })));
}

const view = ({ name, shape, data }: NamedTensor) => ({ name, shape, bits: bitsOf(data) });

describe("writeSafetensors", () => {
  it("writes the format's bytes, aligned, with PyTorch's mark", async () => {
    const bytes = await bytesOf([tensor("w", "weight", [0x3f800000, 0xbf800000])]);
    const text = '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const padded = text.padEnd(Math.ceil(text.length / 8) * 8, " ");
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(padded.length));
    expect(bytes).toEqual(Buffer.concat([length, Buffer.from(padded), Buffer.from("0000803f000080bf", "hex")]));
  });

  it("takes arrays as they come, from an async iterable, one at a time", async () => {
    let asked = 0;
    let written = 0;
    async function* arrays() {
      for (; asked < 3; ) {
        expect(written).toBe(asked++);
        yield new Float32Array([asked]);
      }
    }
    const specs = ["a", "b", "c"].map((name) => ({ name, shape: [1] }));
    const sink = async (bytes: Uint8Array) => {
      if (bytes.length === 4) written++;
    };
    await writeSafetensors(sink, specs, arrays());
    expect(written).toBe(3);
  });

  it("hands the arrays' own memory to the sink, in pieces of bounded size", async () => {
    const data = new Float32Array(2_500_000);
    const pieces: Uint8Array[] = [];
    await writeSafetensors(async (bytes) => void pieces.push(bytes), [{ name: "w", shape: [data.length] }], [data]);
    const [, ...own] = pieces;
    expect(own.every((piece) => piece.buffer === data.buffer)).toBe(true);
    expect(own.map(({ length }) => length)).toEqual([4 << 20, 4 << 20, 10_000_000 - (8 << 20)]);
  });

  it("takes values in pieces of any length, and tensors without elements with or without a piece", async () => {
    const specs = [
      { name: "empty", shape: [0, 3] },
      { name: "w", shape: [2, 3] },
      { name: "v", shape: [2] },
      { name: "last", shape: [0] },
    ];
    const whole = await written(specs, [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(7, 8)]);
    const pieces = [[], [1, 2, 3, 4], [5], [], [6], [7, 8], []].map((values) => Float32Array.from(values));
    expect(await written(specs, pieces)).toEqual(whole);
  });

  it("rounds a BF16 tensor and leaves the F32 beside it alone", async () => {
    const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -0);
    const bytes = await written(
      [
        { name: "half", shape: [4], dtype: "BF16" },
        { name: "full", shape: [4], dtype: "F32" },
      ],
      [values, values],
    );
    const data = bytes.subarray(8 + Number(bytes.readBigUInt64LE()));
    expect(data.subarray(0, 8).toString("hex")).toBe("803f803f823f0080");
    expect(data.subarray(8)).toEqual(Buffer.from(values.buffer));
    const path = join(newFolder(), "x.safetensors");
    writeFileSync(path, bytes);
    expect((await readAll(path)).map(({ data }) => [...data])).toEqual([[1, 1, 1 + 2 ** -6, -0], [...values]]);
  });

  it("gives back every bf16 pattern as it was, across pieces", async () => {
    const count = 2 ** 20 + 2 ** 16;
    const halves = Uint16Array.from({ length: count }, (_, i) => i % 2 ** 16);
    const values = new Float32Array(count);
    fromBf16(halves, values);
    const bytes = await written([{ name: "w", shape: [count], dtype: "BF16" }], [values]);
    expect(bytes.subarray(-2 * count).equals(Buffer.from(halves.buffer))).toBe(true);
    // The bits themselves, too, in pieces of another length than the file's.
    const parts = [halves.subarray(0, 5), halves.subarray(5)];
    expect((await written([{ name: "w", shape: [count], dtype: "BF16" }], parts)).equals(bytes)).toBe(true);
    await expect(written([{ name: "w", shape: [count] }], [halves])).rejects.toThrow(/"w" is F32 but is given bits/);
  });

  it("refuses more or fewer values than announced", async () => {
    const specs = [1, 2].map((size) => ({ name: `w${size}`, shape: [size] }));
    const [one, two, three] = [1, 2, 3].map((length) => new Float32Array(length));
    await expect(written(specs, [])).rejects.toThrow(/end at element 0 of tensor "w1", 0 tensors are whole/);
    await expect(written(specs, [one, one])).rejects.toThrow(/end at element 1 of tensor "w2", 1 tensors are whole/);
    await expect(written(specs, [three])).rejects.toThrow(/tensor "w1" has shape \[1\] but 3 values/);
    await expect(written(specs, [one, two, one])).rejects.toThrow(/more values than the 2 tensors/);
  });
});

describe("SafetensorsFile", () => {
  it("reads back what was written, bit for bit, whatever names and shapes", async () => {
    const folder = newFolder();
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    const names = fc.uniqueArray(
      fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.string({ unit: "binary" }),
        fc.constantFrom("__proto__", "constructor", "0", "12", "a.moment1", '"'),
      ),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(names, fc.infiniteStream(shapes), async (drawn, drawnShapes) => {
        const tensors = drawn
          .filter((name) => name !== "__metadata__")
          .map((name, index): NamedTensor => {
            const shape: readonly number[] = drawnShapes.next().value ?? [];
            const count = shape.reduce((a, b) => a * b, 1);
            const bits = Uint32Array.from({ length: count }, (_, i) => AWKWARD_BITS[(index + i) % AWKWARD_BITS.length]);
            return { name, shape, data: new Float32Array(bits.buffer) };
          });
        const path = join(folder, "x.safetensors");
        const bytes = await bytesOf(tensors);
        expect(bytes.readBigUInt64LE() % 8n).toBe(0n);
        writeFileSync(path, bytes);
        const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
        expect((await readAll(path)).map(view).sort(byName)).toEqual(tensors.map(view).sort(byName));
      }),
      { numRuns: 60 },
    );
  });

  it("reads tensors in the order of their data", async () => {
    const path = join(newFolder(), "x.safetensors");
    writeFileSync(path, await bytesOf(["z", "5", "a", "1"].map((name) => tensor(name, "weight", [1]))));
    expect((await readAll(path)).map(({ name }) => name)).toEqual(["z", "5", "a", "1"]);
  });

  it("reads a tensor piece by piece: memory grows neither with the file nor with the tensor", async () => {
    const path = join(newFolder(), "x.safetensors");
    const tensors = [0, 1].map((i) => ({
      name: `t${i}`,
      shape: [4 << 20],
      data: new Float32Array(4 << 20).fill(i),
    }));
    writeFileSync(path, await bytesOf(tensors));
    const file = SafetensorsFile.open(path);
    const before = process.memoryUsage().arrayBuffers;
    let values = 0;
    let most = 0;
    for await (const piece of file.pieces(file.tensors[1])) {
      expect(piece.every((value) => value === 1)).toBe(true);
      values += piece.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(values).toBe(4 << 20);
    // A tensor is 16 MiB, the file 32 MiB, two pieces are 8 MiB.
    expect(most).toBeLessThan(12 << 20);
  });

  it("refuses to read integers as float32, but lists them", async () => {
    const file = SafetensorsFile.open(join(import.meta.dirname, "../golden/safetensors/mixed.safetensors"));
    const entry = file.tensors.find(({ name }) => name === "i64");
    expect(entry).toMatchObject({ dtype: "I64", shape: [6] });
    await expect(entry && file.pieces(entry).next()).rejects.toThrow(
      /tensor "i64" cannot be read as float32[\s\S]*got: I64/,
    );
  });

  it("names a file that is missing, a folder, or one that it may not block on", () => {
    const folder = newFolder();
    expect(() => SafetensorsFile.open(join(folder, "absent"))).toThrow(/this file is missing/);
    expect(() => SafetensorsFile.open(folder)).toThrow(/not a plain file/);
    expect(() => SafetensorsFile.open("/dev/zero")).toThrow(UserError);
  });
});

interface Expected {
  readonly files: Record<
    string,
    {
      readonly metadata: Record<string, string>;
      readonly tensors: Record<
        string,
        { readonly dtype: string; readonly shape: number[]; readonly float32: string | null }
      >;
    }
  >;
}

describe("files of the Python library (golden, made by scripts/golden/safetensors-files.py)", () => {
  const folder = join(import.meta.dirname, "../golden/safetensors");
  const { files }: Expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
  for (const [name, { metadata, tensors }] of Object.entries(files))
    it(`${name}: names, dtypes, shapes, metadata and every bit`, async () => {
      const file = SafetensorsFile.open(join(folder, name));
      expect(file.metadata).toEqual(metadata);
      expect(file.tensors.map((entry) => entry.name).sort()).toEqual(Object.keys(tensors).sort());
      for (const entry of file.tensors) {
        const { dtype, shape, float32 } = tensors[entry.name];
        expect(entry).toMatchObject({ dtype, shape });
        if (float32 === null) continue;
        const source = sourceOf(file, entry, { name: entry.name, kind: "weight" });
        const { buffer, byteOffset, byteLength } = await gathered(source);
        expect(Buffer.from(buffer, byteOffset, byteLength).toString("hex"), entry.name).toBe(float32);
      }
    });
});
