import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { BatchTable } from "../../../src/data/shards/shard-index.js";
import { openTokenStream } from "../../../src/data/shards/token-stream.js";
import { countingDocuments, expectedWindow, HEADER, readAll, temporaryFolder, writeShard } from "./shard-samples.js";

const place = (n: number) => ({ offsetsAt: n, valuesAt: n + 1, base: n + 2 });

describe("BatchTable", () => {
  it("gives back what was put in, whatever the number", () => {
    const table = new BatchTable();
    for (let i = 0; i < 100; i++) table.push(i + 1, 2 * i + 1, place(10 * i), i % 2 === 0 ? null : place(10 * i + 5));
    expect([table.length, table.tokens, table.documents]).toEqual([100, 5050, 10_000]);
    for (let i = 0; i < 100; i++)
      expect(table.at(i)).toEqual({
        number: i,
        tokenStart: (i * (i + 1)) / 2,
        documentStart: i * i,
        tokens: i + 1,
        documents: 2 * i + 1,
        ids: place(10 * i),
        mask: i % 2 === 0 ? null : place(10 * i + 5),
      });
  });

  it("finds the batch of every token, past batches without tokens", () => {
    const table = new BatchTable();
    const owners: number[] = [];
    for (const [batch, tokens] of [0, 3, 0, 0, 1, 5, 0].entries()) {
      table.push(tokens, 1, place(0), null);
      for (let i = 0; i < tokens; i++) owners.push(batch);
    }
    for (const [token, batch] of owners.entries()) expect(table.find(token)).toBe(batch);
  });
});

describe("a shard of many record batches", () => {
  it("is read across all of them", async () => {
    await using folder = await temporaryFolder();
    const header = { ...HEADER, lossMask: true };
    const documents = countingDocuments(
      Array.from({ length: 300 }, (_, i) => 1 + (i % 7)),
      header,
    );
    const { path, tokens } = await writeShard(folder.file("a.arrow"), documents, header, 1);
    expect(await readAll(path)).toEqual(expectedWindow(documents, true, 0, tokens));
  });
});

describe("a footer", () => {
  /** Writes a shard of four record batches with the `Block` of one of them changed. */
  async function withBlock(index: number, change: (footer: Buffer, at: number) => void): Promise<string> {
    await using folder = await temporaryFolder();
    const { path } = await writeShard(folder.file("a.arrow"), countingDocuments([8, 8, 8, 8]), HEADER, 8);
    const bytes = await readFile(path);
    // Blocks are 24 bytes: place, bytes of metadata, bytes of body; the first record batch's place is found in the footer by its value.
    const first = bytes.indexOf(Buffer.from([0xff, 0xff, 0xff, 0xff]), 16);
    const firstPlace = Buffer.alloc(8);
    firstPlace.writeBigInt64LE(BigInt(first));
    const at = bytes.lastIndexOf(firstPlace);
    change(bytes, at + 24 * index);
    await writeFile(path, bytes);
    const error: unknown = await openTokenStream(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    return String(error);
  }

  it.each([
    ["a place before the file", (bytes: Buffer, at: number) => bytes.writeBigInt64LE(-8n, at)],
    ["a place in the magic", (bytes: Buffer, at: number) => bytes.writeBigInt64LE(0n, at)],
    ["a place outside the file", (bytes: Buffer, at: number) => bytes.writeBigInt64LE(2n ** 40n, at)],
    ["a body beyond the footer", (bytes: Buffer, at: number) => bytes.writeBigInt64LE(2n ** 40n, at + 16)],
    [
      "another body length",
      (bytes: Buffer, at: number) => bytes.writeBigInt64LE(bytes.readBigInt64LE(at + 16) - 8n, at + 16),
    ],
    ["no metadata", (bytes: Buffer, at: number) => bytes.writeInt32LE(0, at + 8)],
    ["negative metadata", (bytes: Buffer, at: number) => bytes.writeInt32LE(-1, at + 8)],
    ["metadata of gigabytes", (bytes: Buffer, at: number) => bytes.writeInt32LE(0x7fffffff, at + 8)],
  ])("is refused for a record batch with %s", async (_, change) => {
    for (const index of [0, 2]) expect(await withBlock(index, change)).toContain("damaged");
  });

  it("is refused when it lists a record batch twice", async () => {
    const error = await withBlock(1, (bytes, at) => bytes.copy(bytes, at, at - 24, at));
    expect(error).toContain("overlaps");
  });
});
