import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { ShardWriter } from "../../../src/data/shards/shard-writer.js";
import { countingDocuments, HEADER, readAll, temporaryFolder, writeShard } from "./shard-samples.js";

const ALL_COLUMNS = { ...HEADER, lossMask: true, source: true };

function hashOf(numbers: Uint8Array | Uint32Array): string {
  return createHash("sha256").update(numbers).digest("hex");
}

describe("ShardWriter", () => {
  it("writes a file that Arrow's own reader reads back", async () => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments([3, 1, 70, 5, 64, 2]);
    const summary = await writeShard(folder.file("a.arrow"), documents, ALL_COLUMNS);
    const table = tableFromIPC(await readFile(summary.path));
    expect(table.numRows).toBe(6);
    expect(table.schema.metadata.get("hephaestus.tokens")).toBe("145");
    for (const [row, document] of documents.entries()) {
      const read = table.get(row);
      expect(Array.from(read?.["input_ids"])).toEqual(Array.from(document.ids));
      expect(Array.from(read?.["loss_mask"]).map(Number)).toEqual(Array.from(document.mask));
      expect(read?.["source"]).toBe(document.source);
    }
  });

  it("reports what it wrote", async () => {
    await using folder = await temporaryFolder();
    const summary = await writeShard(folder.file("a.arrow"), countingDocuments([4, 9]));
    expect(summary).toMatchObject({ path: folder.file("a.arrow"), documents: 2, tokens: 13 });
    expect(summary.bytes).toBe((await readFile(summary.path)).length);
  });

  it("hashes tokens, lengths and mask as its definition says, however documents are grouped", async () => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments([3, 1, 70, 5]);
    const ids = Uint32Array.from(documents.flatMap((document) => Array.from(document.ids)));
    const mask = Uint8Array.from(documents.flatMap((document) => Array.from(document.mask)));
    const text = `tokens ${hashOf(ids)}\nlengths ${hashOf(Uint32Array.of(3, 1, 70, 5))}\n`;
    const expected = (end: string) => createHash("sha256").update(`${text}mask ${end}\n`).digest("hex");
    expect((await writeShard(folder.file("a"), documents, HEADER, 1)).contentHash).toBe(expected("none"));
    expect((await writeShard(folder.file("b"), documents, HEADER, 1000)).contentHash).toBe(expected("none"));
    expect((await writeShard(folder.file("c"), documents, ALL_COLUMNS)).contentHash).toBe(expected(hashOf(mask)));
  });

  it.each([
    [65_536, "Uint16"],
    [65_537, "Uint32"],
  ])("takes the narrowest ids for a vocabulary of %i", async (vocabulary, type) => {
    await using folder = await temporaryFolder();
    const header = { ...HEADER, vocabulary, endOfText: vocabulary - 1 };
    const { path } = await writeShard(folder.file("a.arrow"), countingDocuments([3], header), header);
    expect(String(tableFromIPC(await readFile(path)).schema.fields[0]?.type)).toBe(`List<${type}>`);
    expect(Array.from((await readAll(path)).ids)).toEqual([0, 1, vocabulary - 1]);
  });

  it.each([
    ["an id at the vocabulary's size", Int32Array.of(60_000, HEADER.endOfText), "60000"],
    ["a negative id", Int32Array.of(-1, HEADER.endOfText), "-1"],
    ["a last id that is not end-of-text", Int32Array.of(1, 2), "2"],
    ["an empty document", new Int32Array(0), "undefined"],
  ])("refuses %s and names the document", async (_, ids, got) => {
    await using folder = await temporaryFolder();
    await using writer = await ShardWriter.create(folder.file("a.arrow"), HEADER);
    writer.append(Int32Array.of(1, HEADER.endOfText));
    expect(() => writer.append(ids)).toThrow(UserError);
    expect(() => writer.append(ids)).toThrow(/a\.arrow, document 1/);
    expect(() => writer.append(ids)).toThrow(`got: ${got}`);
  });

  it("refuses extras that the header does not announce, or lacks", async () => {
    await using folder = await temporaryFolder();
    const ids = Int32Array.of(1, HEADER.endOfText);
    await using plain = await ShardWriter.create(folder.file("a.arrow"), HEADER);
    expect(() => plain.append(ids, { source: "x" })).toThrow(RangeError);
    expect(() => plain.append(ids, { lossMask: Uint8Array.of(1, 1) })).toThrow(RangeError);
    await using full = await ShardWriter.create(folder.file("b.arrow"), ALL_COLUMNS);
    expect(() => full.append(ids)).toThrow(RangeError);
    expect(() => full.append(ids, { lossMask: Uint8Array.of(1), source: "x" })).toThrow(RangeError);
    expect(() => full.append(ids, { lossMask: Uint8Array.of(1, 2), source: "x" })).toThrow(RangeError);
  });

  it.each([
    [{ vocabulary: 0 }],
    [{ vocabulary: 2 ** 31 }],
    [{ vocabulary: 1.5 }],
    [{ endOfText: 60_000 }],
    [{ endOfText: -1 }],
    [{ domain: "" }],
    [{ domain: "a\u001b[2J" }],
    [{ tokenizer: "x".repeat(201) }],
  ])("refuses the header %o", async (wrong) => {
    await using folder = await temporaryFolder();
    await expect(ShardWriter.create(folder.file("a.arrow"), { ...HEADER, ...wrong })).rejects.toThrow(RangeError);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("leaves nothing behind unless finished, and an older file as it was", async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file("a.arrow"), "older");
    {
      await using writer = await ShardWriter.create(folder.file("a.arrow"), HEADER, { batchTokens: 1 });
      writer.append(Int32Array.of(1, HEADER.endOfText));
      writer.append(Int32Array.of(2, HEADER.endOfText));
      expect(await readdir(folder.path)).toHaveLength(2);
    }
    expect(await readdir(folder.path)).toEqual(["a.arrow"]);
    expect(await readFile(folder.file("a.arrow"), "utf8")).toBe("older");
  });

  it("refuses to finish without documents, and to go on once finished", async () => {
    await using folder = await temporaryFolder();
    await using writer = await ShardWriter.create(folder.file("deep/er/a.arrow"), HEADER);
    await expect(writer.finish()).rejects.toThrow(UserError);
    writer.append(Int32Array.of(HEADER.endOfText));
    await writer.finish();
    await expect(writer.finish()).rejects.toThrow("finished");
    expect(() => writer.append(Int32Array.of(HEADER.endOfText))).toThrow("finished");
  });

  it("says which path cannot be written", async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file("a.arrow"));
    await using writer = await ShardWriter.create(folder.file("a.arrow"), HEADER);
    writer.append(Int32Array.of(HEADER.endOfText));
    await expect(writer.finish()).rejects.toThrow();
    await writer[Symbol.asyncDispose]();
    expect(await readdir(join(folder.path))).toEqual(["a.arrow"]);
  });

  it("keeps a document longer than a record batch whole", async () => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments([2, 500, 3], ALL_COLUMNS);
    const { path } = await writeShard(folder.file("a.arrow"), documents, ALL_COLUMNS, 16);
    expect(tableFromIPC(await readFile(path)).batches.map((batch) => batch.numRows)).toEqual([1, 1, 1]);
    expect((await readAll(path)).documentStarts).toEqual(Int32Array.of(0, 2, 502));
  });
});
