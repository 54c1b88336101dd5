import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { checkShard } from "../../../src/data/shards/shard-check.js";
import { countingDocuments, HEADER, readAll, temporaryFolder, writeShard } from "./shard-samples.js";

const MASKED = { ...HEADER, lossMask: true };

/** Writes a shard, changes the first place that holds `before`, and checks it. */
async function checkChanged(before: Uint8Array | string, after: Uint8Array | string): Promise<string> {
  await using folder = await temporaryFolder();
  const { path } = await writeShard(folder.file("a.arrow"), countingDocuments([30, 5, 40, 6]), HEADER, 40);
  const bytes = await readFile(path);
  const at = bytes.lastIndexOf(before);
  expect(at).toBeGreaterThan(0);
  bytes.set(Buffer.from(after), at);
  await writeFile(path, bytes);
  const error: unknown = await checkShard(path).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect(String(error)).toContain(path);
  return String(error);
}

function twoBytes(...ids: number[]): Uint8Array {
  return new Uint8Array(Uint16Array.from(ids).buffer);
}

function fourBytes(...offsets: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(offsets).buffer);
}

describe("checkShard", () => {
  it.each([1, 7, 64, 10_000])(
    "passes shards in record batches of %i tokens and finds the hash that the writer found",
    async (batchTokens) => {
      await using folder = await temporaryFolder();
      const documents = countingDocuments([3, 1, 50, 8, 1, 1], MASKED);
      const { path, contentHash } = await writeShard(folder.file("a.arrow"), documents, MASKED, batchTokens);
      expect(await checkShard(path)).toEqual({
        shards: [{ path, documents: 6, tokens: 64, contentHash, hasHeader: true }],
        documents: 6,
        tokens: 64,
      });
    },
  );

  it("passes shards longer than it reads at once, with documents across the seam, and tells how far it is", async () => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments([200_000, 62_143, 1, 2, 300_000], MASKED);
    await writeShard(folder.file("a.arrow"), documents, MASKED, 2 ** 16);
    await writeShard(folder.file("b.arrow"), documents.slice(0, 1), MASKED, 2 ** 16);
    const seen: number[] = [];
    const report = await checkShard(folder.path, (done, total) => {
      seen.push(done);
      expect(total).toBe(762_146);
    });
    expect(report).toMatchObject({ tokens: 762_146, documents: 6 });
    expect(seen).toEqual([262_144, 524_288, 562_146, 762_146]);
  });

  it("finds a changed token that is still in the vocabulary", async () => {
    expect(await checkChanged(twoBytes(31, 32), twoBytes(31, 33))).toContain("hash");
  });

  it("finds an id outside the vocabulary, naming the row", async () => {
    const error = await checkChanged(twoBytes(31, 32), twoBytes(31, 60_000));
    expect(error).toContain("row 1");
    expect(error).toContain("got: 60000");
  });

  it("finds a document without its end", async () => {
    const error = await checkChanged(twoBytes(33, HEADER.endOfText), twoBytes(33, 34));
    expect(error).toContain("row 1");
    expect(error).toContain("end-of-text");
  });

  it("finds a last document without its end", async () => {
    const error = await checkChanged(twoBytes(79, HEADER.endOfText), twoBytes(79, 1));
    expect(error).toContain("row 3");
    expect(error).toContain("end-of-text");
  });

  it("finds a moved border between documents", async () => {
    expect(await checkChanged(fourBytes(0, 30, 35), fourBytes(0, 29, 35))).toContain("end-of-text");
  });

  it("finds list offsets that fall or leave the values", async () => {
    expect(await checkChanged(fourBytes(0, 30, 35), fourBytes(0, 36, 35))).toContain("do not rise");
    expect(await checkChanged(fourBytes(0, 30, 35), fourBytes(0, -1, 35))).toContain("do not rise");
    expect(await checkChanged(fourBytes(0, 30, 35), fourBytes(0, 30, 36))).toContain("leave its values");
  });

  it("finds a row without tokens", async () => {
    expect(await checkChanged(fourBytes(0, 30, 35), fourBytes(0, 35, 35))).toContain("documents without tokens");
  });

  it.each([
    ["tokens", "81", "82", "its header and its rows disagree"],
    ["content_hash", "hephaestus.content_hash", "hephaestus.content_hush", "lacks content_hash"],
    ["domain", "tools", "to\tls", "no valid domain"],
    ["vocabulary", "60000", "60x00", "no valid vocabulary"],
    ["end-of-text", "59999", "69999", "no valid end_of_text"],
    ["format", "hephaestus.format", "hephaestus.formal", ""],
  ])("finds a changed %s in the header", async (_, before, after, reason) => {
    if (reason === "") {
      await using folder = await temporaryFolder();
      const { path } = await writeShard(folder.file("a.arrow"), countingDocuments([5]), HEADER);
      const bytes = await readFile(path);
      bytes.write(after, bytes.lastIndexOf(before));
      await writeFile(path, bytes);
      const report = await checkShard(path);
      expect(report.shards[0]?.hasHeader, "without its format key it is a file of another program").toBe(false);
    } else expect(await checkChanged(before, after)).toContain(reason);
  });

  it("finds a cleared mask bit", async () => {
    await using folder = await temporaryFolder();
    const [document] = countingDocuments([24], MASKED);
    const shard = [{ ...document, mask: Uint8Array.from({ length: 24 }, (_, i) => (i < 16 ? 1 : i & 1)) }];
    const { path } = await writeShard(folder.file("a.arrow"), shard, MASKED);
    const bytes = await readFile(path);
    bytes[bytes.lastIndexOf(Uint8Array.of(0xff, 0xff, 0xaa))] = 0xfe;
    await writeFile(path, bytes);
    expect((await readAll(path)).lossMask?.[0]).toBe(0);
    await expect(checkShard(path)).rejects.toThrow("hash");
  });
});
