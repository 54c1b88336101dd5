/** Parquet reader: columns, row groups, nulls, bad UTF-8, damaged files. The files are made by hyparquet-writer, an independent writer. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { emptyReport, readDocuments, type SourceDocument } from "../../src/corpus/documents.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parquet-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function place(
  name: string,
  columnData: ColumnSource[],
  options: { rowGroupSize?: number[]; codec?: "SNAPPY" | "UNCOMPRESSED" } = {},
): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, Buffer.from(parquetWriteBuffer({ columnData, ...options })));
  return path;
}

async function read(path: string, skipInvalid = 0, report = emptyReport()): Promise<SourceDocument[]> {
  const documents: SourceDocument[] = [];
  for await (const document of readDocuments([path], { skipInvalid, report })) documents.push(document);
  return documents;
}

const strings = (name: string, data: unknown[]): ColumnSource => ({ name, data, type: "STRING" });

describe("Parquet", () => {
  it("gives text, source and licence with the row's number, and ignores other columns", async () => {
    const path = await place("some.parquet", [
      { name: "id", data: [7, 8], type: "INT32" },
      strings("text", ["one", "zwei 🙂"]),
      strings("source", ["s", null]),
      strings("license", ["MIT", "ISC"]),
    ]);
    expect(await read(path)).toEqual([
      { text: "one", source: "s", licence: "MIT", where: `${path}:1` },
      { text: "zwei 🙂", source: null, licence: "ISC", where: `${path}:2` },
    ]);
  });

  it.each(["SNAPPY", "UNCOMPRESSED"] as const)("reads every row of every row group in order, %s", async (codec) => {
    const texts = Array.from({ length: 250 }, (_, i) => `document ${i} ${"word ".repeat(i % 7)}`);
    const path = await place("groups.parquet", [strings("text", texts)], { rowGroupSize: [100], codec });
    const documents = await read(path);
    expect(documents.map(({ text }) => text)).toEqual(texts);
    expect(documents.at(-1)?.where).toBe(`${path}:250`);
  });

  it("reads repeated values, which are stored once in a dictionary", async () => {
    const texts = Array.from({ length: 300 }, (_, i) => `text ${i % 3}`);
    const path = await place("dictionary.parquet", [strings("text", texts)]);
    expect((await read(path)).map(({ text }) => text)).toEqual(texts);
  });

  it("reads no rows from an empty file", async () => {
    expect(await read(await place("none.parquet", [strings("text", [])]))).toEqual([]);
  });

  it("rejects nulls, empty text and bytes that are not UTF-8, each by its row", async () => {
    const data = [Buffer.from("good"), null, Buffer.from(" "), Buffer.from([0x61, 0xff]), Buffer.from("fine")];
    const path = await place("bad.parquet", [{ name: "text", data, type: "BYTE_ARRAY", nullable: true }]);
    const report = emptyReport();
    expect((await read(path, 0.6, report)).map(({ text }) => text)).toEqual(["good", "fine"]);
    expect(report.examples).toEqual([
      { where: `${path}:2`, why: "there is no `text`" },
      { where: `${path}:3`, why: "`text` is empty" },
      { where: `${path}:4`, why: "`text` is not valid UTF-8" },
    ]);
  });
});

describe("files that are refused", () => {
  it("have no text column, and the columns they have are named", async () => {
    const path = await place("no-text.parquet", [strings("content", ["a"]), { name: "n", data: [1], type: "INT32" }]);
    await expect(read(path)).rejects.toThrow(/no `text` column[\s\S]*content \(BYTE_ARRAY\), n \(INT32\)/);
  });

  it("have a text column of numbers", async () => {
    const path = await place("numbers.parquet", [{ name: "text", data: [1, 2], type: "INT32" }]);
    await expect(read(path)).rejects.toThrow(/no `text` column[\s\S]*text \(INT32\)/);
  });

  it("encode text as deltas, whose lengths cannot be checked before decoding", async () => {
    const data = ["one", "two", "three"];
    const path = await place("delta.parquet", [{ name: "text", data, type: "STRING", encoding: "DELTA_BYTE_ARRAY" }]);
    await expect(read(path)).rejects.toThrow(/column text is encoded[\s\S]*DELTA_BYTE_ARRAY[\s\S]*default encodings/);
  });

  it("are cut short, at every tenth length", async () => {
    const whole = await readFile(await place("whole.parquet", [strings("text", ["one", "two"])]));
    const path = join(folder, "cut.parquet");
    for (let length = 0; length < whole.length; length += 10) {
      await writeFile(path, whole.subarray(0, length));
      await expect(read(path, 1), `${length} bytes`).rejects.toThrow(/cut.parquet: this Parquet file is damaged/);
    }
  });

  it("claim a footer larger than the file", async () => {
    const bytes = await readFile(await place("footer.parquet", [strings("text", ["one"])]));
    bytes.writeUInt32LE(0xffffffff, bytes.length - 8);
    const path = join(folder, "footer.parquet");
    await writeFile(path, bytes);
    await expect(read(path)).rejects.toThrow(/damaged[\s\S]*4294967295/);
  });
});

describe("fuzzing", () => {
  it("changed bytes give documents or a UserError", async () => {
    const texts = Array.from({ length: 40 }, (_, i) => `text ${i % 5} ${i}`);
    const whole = await readFile(
      await place("seed.parquet", [strings("text", texts), strings("source", texts)], { rowGroupSize: [16] }),
    );
    const path = join(folder, "fuzz.parquet");
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(whole);
        for (const [position, value] of changes) bytes[position] = value;
        await writeFile(path, bytes);
        await read(path, 1).catch((error: unknown) => {
          if (!(error instanceof UserError)) throw error;
        });
      }),
      { numRuns: 500 },
    );
  });
});
