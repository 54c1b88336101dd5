/** Damaged and lying safetensors files: always a UserError that names the file, never a crash, never memory beyond the file's size. */
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { SafetensorsFile, writeSafetensors } from "../../src/checkpoint/safetensors.js";
import { MAX_HEADER_BYTES, parseHeader } from "../../src/checkpoint/safetensors-header.js";
import { sourceOf } from "../../src/checkpoint/tensor-files.js";
import { gathered } from "../../src/engine/seam.js";
import { newFolder } from "./content.js";

/** A file with this header and this much data, the length field true unless given. */
function fileOf(header: string | Uint8Array, dataBytes: number, length?: bigint): Buffer {
  const json = Buffer.from(header);
  const field = Buffer.alloc(8);
  field.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([field, json, Buffer.alloc(dataBytes, 1)]);
}

/** Opens a file and reads everything in it; the bytes read. */
async function readEverything(path: string): Promise<number> {
  const file = SafetensorsFile.open(path);
  let bytes = 0;
  for (const entry of file.tensors)
    if (entry.dtype === "F32") for await (const { byteLength } of file.pieces(entry)) bytes += byteLength;
  return bytes;
}

/** What opening the file throws, which must be for its user. */
async function refusalOf(path: string, bytes: Uint8Array): Promise<UserError> {
  writeFileSync(path, bytes);
  try {
    await readEverything(path);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    if (error instanceof UserError) return error;
  }
  throw new Error("not refused");
}

const F32 = (shape: unknown, begin: unknown, end: unknown) => ({ dtype: "F32", shape, data_offsets: [begin, end] });

const LIES: Record<string, { header: unknown; data?: number; says: RegExp }> = {
  "data beyond the file": { header: { a: F32([4], 0, 16) }, data: 8, says: /shorter than its header says/ },
  "data that nobody claims": { header: { a: F32([1], 0, 4) }, data: 8, says: /longer than its header says/ },
  "a tensor of terabytes": { header: { a: F32([2 ** 40], 0, 2 ** 42) }, data: 8, says: /shorter than its header says/ },
  "overlapping tensors": { header: { a: F32([2], 0, 8), b: F32([2], 4, 12) }, data: 12, says: /"b" overlaps/ },
  "the same bytes twice": { header: { a: F32([2], 0, 8), b: F32([2], 0, 8) }, data: 8, says: /"b" overlaps/ },
  "a gap": { header: { a: F32([1], 0, 4), b: F32([1], 8, 12) }, data: 12, says: /"b" leaves a gap/ },
  "a gap at the start": { header: { a: F32([1], 4, 8) }, data: 8, says: /"a" leaves a gap/ },
  "an end before the begin": { header: { a: F32([1], 8, 4) }, data: 8, says: /"a" has no valid data_offsets/ },
  "a negative begin": { header: { a: F32([3], -4, 8) }, data: 8, says: /"a" has no valid data_offsets/ },
  "a fractional offset": { header: { a: F32([1], 0.5, 4.5) }, data: 8, says: /data_offsets/ },
  "offsets beyond 2^53": { header: { a: F32([1], 2 ** 60, 2 ** 60) }, data: 0, says: /data_offsets/ },
  "three offsets": {
    header: { a: { dtype: "F32", shape: [1], data_offsets: [0, 4, 8] } },
    data: 4,
    says: /data_offsets/,
  },
  "offsets that are texts": { header: { a: F32([1], "0", "4") }, data: 4, says: /data_offsets/ },
  "no offsets": { header: { a: { dtype: "F32", shape: [1] } }, data: 4, says: /data_offsets[\s\S]*got: none/ },
  "a shape too large for its data": { header: { a: F32([3], 0, 8) }, data: 8, says: /12 bytes for F32 \[3\]/ },
  "a shape whose product overflows": {
    header: { a: F32([2 ** 32, 2 ** 32], 0, 8) },
    data: 8,
    says: /shape that does not fit/,
  },
  "a product that overflows to zero": {
    header: { a: F32([2 ** 52, 2 ** 52, 0], 0, 0) },
    data: 0,
    says: /does not fit/,
  },
  "a negative extent": { header: { a: F32([-1, -2], 0, 8) }, data: 8, says: /no valid shape/ },
  "a shape that is a number": { header: { a: F32(2, 0, 8) }, data: 8, says: /no valid shape/ },
  "an unknown dtype": {
    header: { a: { ...F32([2], 0, 1), dtype: "F4" } },
    data: 1,
    says: /unknown dtype[\s\S]*got: "F4"/,
  },
  "an inherited dtype": { header: { a: { ...F32([2], 0, 1), dtype: "toString" } }, data: 1, says: /unknown dtype/ },
  "no dtype": { header: { a: { shape: [1], data_offsets: [0, 4] } }, data: 4, says: /unknown dtype[\s\S]*got: none/ },
  "a tensor that is a text": { header: { a: "F32" }, says: /"a" is not described by an object/ },
  "a header that is an array": { header: [], says: /not a JSON object/ },
  "a header that is null": { header: null, says: /not a JSON object/ },
  "metadata of numbers": { header: { __metadata__: { a: 1 } }, says: /__metadata__/ },
  "metadata that is null": { header: { __metadata__: null }, says: /__metadata__/ },
};

describe("a header that lies", () => {
  for (const [what, { header, data = 0, says }] of Object.entries(LIES))
    it(`is refused: ${what}`, async () => {
      const path = join(newFolder(), "x.safetensors");
      const error = await refusalOf(path, fileOf(JSON.stringify(header), data));
      expect(error.message).toMatch(says);
      expect(error.message).toContain(path);
    });

  const TEXTS: Record<string, { text: string | Uint8Array; says: RegExp }> = {
    "a name given twice": {
      text: '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      says: /"a" is given twice/,
    },
    "a name given twice in two spellings": {
      text: '{"a" :{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      says: /"a" is given twice/,
    },
    "a field given twice": {
      text: '{"a":{"dtype":"F16","dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      says: /"dtype" is given twice/,
    },
    "nesting without end": { text: '{"a":'.repeat(100_000), says: /nested deeper than 3/ },
    "brackets without end": { text: "[".repeat(100_000), says: /nested deeper than 3/ },
    "text cut short": { text: '{"a":{"dtype":"F32","sha', says: /not JSON/ },
    "a bad escape in a name": { text: '{"\\x":1}', says: /not JSON/ },
    "bytes that are not UTF-8": { text: Uint8Array.of(0x7b, 0xff, 0x7d), says: /not JSON/ },
    "an infinite offset": {
      text: '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e999]}}',
      says: /no valid data_offsets/,
    },
    nothing: { text: "", says: /not JSON/ },
  };
  for (const [what, { text, says }] of Object.entries(TEXTS))
    it(`is refused: ${what}`, async () => {
      expect((await refusalOf(join(newFolder(), "x.safetensors"), fileOf(text, 4))).message).toMatch(says);
    });
});

describe("a length field that lies", () => {
  it("is refused before anything is allocated: beyond the file, beyond the limit, beyond 2^63", async () => {
    const path = join(newFolder(), "x.safetensors");
    expect((await refusalOf(path, fileOf("{}", 0, 3n))).message).toMatch(
      /header ends after the file[\s\S]*at most 2 bytes/,
    );
    for (const length of [BigInt(MAX_HEADER_BYTES) + 1n, 2n ** 63n, 2n ** 64n - 1n])
      expect((await refusalOf(path, fileOf("{}", 0, length))).message).toMatch(/beyond the format's limit/);
  });

  it("is refused beyond the limit even when the file is that long", () => {
    const path = join(newFolder(), "x.safetensors");
    writeFileSync(path, fileOf("{}", 0, BigInt(MAX_HEADER_BYTES) + 8n));
    truncateSync(path, 2 * MAX_HEADER_BYTES); // sparse: takes no space on the disk
    expect(() => SafetensorsFile.open(path)).toThrow(/beyond the format's limit/);
  });

  it("is refused in a file too short to have one", async () => {
    const path = join(newFolder(), "x.safetensors");
    for (let length = 0; length < 8; length++)
      expect((await refusalOf(path, Buffer.alloc(length))).message).toMatch(/too short/);
  });
});

async function goodFile(): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const tensors = [
    { name: "model.embed_tokens.weight", shape: [5, 4] },
    { name: "empty", shape: [0] },
    { name: "model.norm.weight", shape: [4] },
  ];
  const arrays = [20, 0, 4].map((length) => new Float32Array(length).fill(1));
  await writeSafetensors(async (bytes) => void pieces.push(Buffer.from(bytes)), tensors, arrays);
  return Buffer.concat(pieces);
}

describe("a damaged file", () => {
  it("is refused at every length it can be cut to", async () => {
    const bytes = await goodFile();
    const path = join(newFolder(), "x.safetensors");
    for (let length = 0; length < bytes.length; length++) await refusalOf(path, bytes.subarray(0, length));
  });

  it("is refused or read within its size, whichever bits of length and header flip", async () => {
    const bytes = await goodFile();
    const headerBytes = 8 + Number(bytes.readBigUInt64LE());
    const path = join(newFolder(), "x.safetensors");
    writeFileSync(path, bytes);
    expect(await readEverything(path)).toBe(24 * 4);
    const flips = fc.array(fc.nat({ max: headerBytes * 8 - 1 }), { minLength: 1, maxLength: 3 });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(flips, async (bits) => {
        const damaged = Buffer.from(bytes);
        for (const bit of bits) damaged[bit >> 3] ^= 1 << (bit & 7);
        writeFileSync(path, damaged);
        try {
          expect(await readEverything(path)).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          refused++;
        }
      }),
      { numRuns: 500 },
    );
    // What may pass is a changed letter of a name or of the metadata.
    expect(refused).toBeGreaterThan(250);
  });

  it("is refused or parsed to a consistent table, whatever JSON its header holds", () => {
    const number = fc.oneof(fc.constantFrom(0, 4, 8, 12, -1, 2 ** 53, 1e300), fc.nat({ max: 16 }));
    const entry = fc.record(
      {
        dtype: fc.constantFrom("F32", "F16", "I64", "BOOL", "F5", null),
        shape: fc.array(number, { maxLength: 3 }),
        data_offsets: fc.array(number, { maxLength: 3 }),
      },
      { requiredKeys: [] },
    );
    const header = fc.dictionary(fc.constantFrom("a", "b", "__metadata__"), fc.oneof(entry, fc.jsonValue()));
    fc.assert(
      fc.property(header, fc.nat({ max: 24 }), (value, dataBytes) => {
        try {
          const { tensors } = parseHeader(Buffer.from(JSON.stringify(value)), dataBytes, "x");
          expect(tensors.reduce((sum, { begin, end }) => sum + end - begin, 0)).toBe(dataBytes);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("is named when it shrinks between opening and reading", async () => {
    const path = join(newFolder(), "x.safetensors");
    const bytes = await goodFile();
    writeFileSync(path, bytes);
    const file = SafetensorsFile.open(path);
    truncateSync(path, bytes.length - 8);
    await expect(file.pieces(file.tensors[0]).next()).rejects.toThrow(
      /x.safetensors: this file changed while it was read/,
    );
    rmSync(path);
    await expect(file.pieces(file.tensors[0]).next()).rejects.toThrow(/this file is missing/);
  });

  it("is read piece by piece, and named where it should be in memory as a whole, when it is larger than memory", async () => {
    const path = join(newFolder(), "x.safetensors");
    const elements = 2 ** 41;
    const json = JSON.stringify({ a: F32([elements], 0, elements * 4) });
    writeFileSync(path, fileOf(json, 0));
    truncateSync(path, 8 + json.length + elements * 4);
    const file = SafetensorsFile.open(path);
    const { value } = await file.pieces(file.tensors[0]).next();
    expect(value).toEqual(new Float32Array(1 << 20));
    const source = sourceOf(file, file.tensors[0], { name: "a", kind: "weight" });
    await expect(gathered(source)).rejects.toThrow(/tensor "a" does not fit in memory/);
  });
});
