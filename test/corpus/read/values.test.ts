/** Records of any file, in any pieces. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DamagedStream, decompress, uncompressedName } from "../../../src/corpus/read/decompress.js";
import { documentItem, rejection, textFault } from "../../../src/corpus/read/items.js";
import { splitArray } from "../../../src/corpus/read/json-array.js";
import { holdsRecords, readValues } from "../../../src/corpus/read/values.js";
import type { SourceFiles } from "../../../src/corpus/source-kind.js";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const text = async (pieces: AsyncIterable<Uint8Array>): Promise<string> => Buffer.concat(await all(pieces)).toString();

/** A Zstandard frame of raw blocks (RFC 8878): single segment, its content's size in one byte. */
function zstdFrame(content: string, split = content.length): Buffer {
  const parts = [content.slice(0, split), content.slice(split)].filter((part, at) => at === 0 || part !== "");
  const blocks = parts.map((part, at) => {
    const header = (Buffer.byteLength(part) << 3) | (at === parts.length - 1 ? 1 : 0);
    return Buffer.concat([Buffer.from([header & 255, (header >> 8) & 255, header >> 16]), Buffer.from(part)]);
  });
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, Buffer.byteLength(content)]), ...blocks]);
}

describe("compressed files", () => {
  it.each([1, 3, 1000])("are read in pieces of %i bytes, several members or frames one after another", async (size) => {
    const gzip = Buffer.concat([gzipSync("one "), gzipSync("two")]);
    expect(await text(decompress("a.GZ", inPieces(gzip, size)))).toBe("one two");
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
    const zstd = Buffer.concat([zstdFrame("one "), skippable, zstdFrame("two and more", 5)]);
    expect(await text(decompress("a.zst", inPieces(zstd, size)))).toBe("one two and more");
    expect(await text(decompress("a.txt", inPieces(Buffer.from("plain"), size)))).toBe("plain");
  });

  it.each([
    ["a.gz", gzipSync("x".repeat(9999)).subarray(0, 30), /cut short/],
    ["a.gz", Buffer.from("no archive"), /damaged/],
    ["a.zst", zstdFrame("hello").subarray(0, 8), /damaged/],
    ["a.zst", Buffer.from("no archive"), /damaged/],
    // A window of 2^41 bytes, as an attacker would ask for.
    ["a.zst", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 1, 0, 0]), /window|damaged/],
  ])("%s that are damaged are told as such", async (path, bytes, message) => {
    const error: unknown = await text(decompress(path, inPieces(bytes, 7))).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DamagedStream);
    expect(String(error)).toMatch(message);
  });

  it("give whatever bytes there are, or the word that they are damaged", async () => {
    const good = zstdFrame("hello world", 4);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(good.length),
        async (flips, cut) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of flips) bytes[at] = value;
          const error: unknown = await text(decompress("a.zst", inPieces(bytes.subarray(0, cut), 5))).then(
            () => null,
            (thrown: unknown) => thrown,
          );
          expect(error === null || error instanceof DamagedStream).toBe(true);
        },
      ),
    );
  });

  it("do not let a failing disk pass for damage", async () => {
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield zstdFrame("x").subarray(0, 3);
      throw new Error("disk");
    };
    await expect(text(decompress("a.zst", failing()))).rejects.toThrow("disk");
    expect(uncompressedName("A/b.JSONL.gz")).toBe("a/b.jsonl");
  });
});

describe("a JSON array in pieces", () => {
  it("is cut into its items, whatever they hold and however it comes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (values, size) => {
          const found = await all(splitArray(inPieces(Buffer.from(JSON.stringify(values, null, 1)), size), 1e6));
          expect(
            found.map((item) => ("bytes" in item ? JSON.parse(Buffer.from(item.bytes).toString()) : item.why)),
          ).toEqual(JSON.parse(JSON.stringify(values)));
        },
      ),
    );
  });

  it("says which item is too long, and where the end is missing", async () => {
    const told = async (json: string, most: number) =>
      (await all(splitArray(inPieces(Buffer.from(json), 3), most))).map((item) =>
        "bytes" in item ? "item" : item.why,
      );
    expect(await told('[1,"long text",2]', 5)).toEqual(["item", "the item is longer than 5 bytes", "item"]);
    expect(await told("[1,2", 5)).toEqual(["item", "item", "the array has no end"]);
  });
});

function oneFile(bytes: Uint8Array): SourceFiles {
  return {
    text: async () => "",
    bytes: async () => bytes,
    location: (path) => path,
    stream: () => inPieces(bytes, 16),
  };
}

const values = async (path: string, content: string | Uint8Array): Promise<unknown[]> => {
  const found = await all(readValues(path, oneFile(Buffer.from(content)), { all: [], required: [] }));
  return found.map((each) => ("value" in each ? each.value : `rejected: ${each.rejected.why}`));
};

describe("values", () => {
  it.each([
    ["a.jsonl", '1\n\n{"a":2}\n', [1, { a: 2 }]],
    ["a.json", "[1,2]", [1, 2]],
    ["a.json", '\ufeff {"a":\n1}', [{ a: 1 }]],
    ["a.json", '{"a":1}\n{"a":2}', [{ a: 1 }, { a: 2 }]],
    ["a.json", "", []],
    ["a.jsonl", "[1,2]\n[3]", [[1, 2], [3]]],
  ])("of %s %j", async (path, content, expected) => {
    expect(await values(path, content)).toEqual(expected);
    expect(await values(`${path}.gz`, gzipSync(content))).toEqual(expected);
  });

  it("that cannot be read are rejected where they stand", async () => {
    expect(await values("a.jsonl", "1\ntorn\n2")).toEqual([1, expect.stringContaining("not JSON"), 2]);
    expect(await values("a.jsonl", Buffer.from([0x22, 0xff, 0x22, 0x0a, 0x31]))).toEqual([
      "rejected: the value is not valid UTF-8",
      1,
    ]);
    expect(await values("a.jsonl.gz", gzipSync("1\n2\n".repeat(999)).subarray(0, 20))).toContainEqual(
      expect.stringContaining("cut short"),
    );
    const told = await values("a.json", "[".repeat(50_000));
    expect(told.length).toBeGreaterThan(0);
    for (const each of told) expect(each).toMatch(/no end|not JSON/);
  });

  it("are held by these files", () => {
    expect(["a.jsonl", "a.NDJSON.gz", "a.json.zst", "a.parquet", "a.parquet.gz", "a.txt"].map(holdsRecords)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("items", () => {
  it("are documents only with a text that can be trained on", () => {
    expect([" ", "a\0", "\ud800", "fine"].map(textFault)).toEqual([
      "the text is empty",
      "the text holds NUL characters",
      expect.stringContaining("surrogate"),
      null,
    ]);
    expect(documentItem({ text: "", origin: "f:1", form: "text" }, { a: 1 })).toEqual({
      rejected: { where: "f:1", why: "the text is empty", record: '{"a":1}' },
    });
  });

  it("show what was rejected, cut, whatever it is", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 50_000; i++) deep = [deep];
    for (const record of ["x".repeat(9999), Buffer.alloc(9999), undefined, 10n, deep, { a: 1 }])
      expect(rejection("f", "why", record).rejected.record.length).toBeLessThanOrEqual(2000);
  });
});
