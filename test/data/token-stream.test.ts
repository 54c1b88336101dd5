import { rename, rm, truncate, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { openTokenStream } from "../../src/data/shards/token-stream.js";
import {
  countingDocuments,
  expectedWindow,
  HEADER,
  readAll,
  temporaryFolder,
  writeShard,
} from "./shards/shard-samples.js";

const MASKED = { ...HEADER, lossMask: true };

describe("openTokenStream", () => {
  it("reads one document", async () => {
    await using folder = await temporaryFolder();
    const { path } = await writeShard(folder.file("a.arrow"), countingDocuments([4]));
    await using stream = await openTokenStream(path);
    expect(stream).toMatchObject({ path, domain: "tools", tokens: 4, documents: 1, files: 1 });
    expect(stream).toMatchObject({ tokenizer: "f00d", vocabulary: 60_000, endOfText: 59_999 });
    expect(await stream.read(1, 2)).toEqual({
      ids: Int32Array.of(1, 2),
      lossMask: null,
      documentStarts: Int32Array.of(),
    });
    expect(await stream.read(0, 4)).toEqual({
      ids: Int32Array.of(0, 1, 2, 59_999),
      lossMask: null,
      documentStarts: Int32Array.of(0),
    });
  });

  it("reads any window of any documents, for every grouping, width and mask", async () => {
    await using folder = await temporaryFolder();
    let number = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.integer({ min: 1, max: 100 }),
        fc.boolean(),
        fc.boolean(),
        fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 4, maxLength: 4 }),
        async (files, batchTokens, lossMask, wide, windows) => {
          const header = { ...HEADER, lossMask, ...(wide ? { vocabulary: 200_000 } : {}) };
          const documents = countingDocuments(files.flat(), header);
          const path = folder.file(`case-${number++}`);
          let from = 0;
          for (const [file, lengths] of files.entries()) {
            await writeShard(
              `${path}/${file}.arrow`,
              documents.slice(from, from + lengths.length),
              header,
              batchTokens,
            );
            from += lengths.length;
          }
          await using stream = await openTokenStream(path);
          expect(stream.documents).toBe(documents.length);
          for (const [a, b] of [...windows, [0, stream.tokens] as const]) {
            const start = a % (stream.tokens + 1);
            const length = b % (stream.tokens - start + 1);
            expect(await stream.read(start, length)).toEqual(expectedWindow(documents, lossMask, start, length));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("finds documents in record batches of many thousand rows", async () => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments(
      Array.from({ length: 9000 }, (_, i) => 1 + (i % 3)),
      MASKED,
    );
    const { path, tokens } = await writeShard(folder.file("a.arrow"), documents, MASKED, 2 ** 18);
    await using stream = await openTokenStream(path);
    const whole = expectedWindow(documents, true, 0, tokens);
    expect(await stream.read(0, tokens)).toEqual(whole);
    for (let start = 0; start + 100 < tokens; start += 997) {
      const window = await stream.read(start, 100);
      expect(window.ids).toEqual(whole.ids.slice(start, start + 100));
      expect(window.lossMask).toEqual(whole.lossMask?.slice(start, start + 100));
      const starts = whole.documentStarts.filter((position) => position >= start && position < start + 100);
      expect(window.documentStarts).toEqual(starts.map((position) => position - start));
    }
  });

  it("knows the length of every document without reading a token", async () => {
    await using folder = await temporaryFolder();
    let number = 0;
    const files = fc.array(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 }), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 100 }), async (lengths, batchTokens) => {
        const path = folder.file(`lengths-${number++}`);
        for (const [file, some] of lengths.entries())
          await writeShard(`${path}/${file}.arrow`, countingDocuments(some), HEADER, batchTokens);
        await using stream = await openTokenStream(path);
        expect([...(await stream.documentLengths())]).toEqual(lengths.flat());
      }),
      { numRuns: 20 },
    );
  });

  it("knows the lengths of more documents than it reads offsets at once", async () => {
    await using folder = await temporaryFolder();
    const lengths = Array.from({ length: 1300 }, (_, i) => 1 + (i % 3));
    const { path } = await writeShard(folder.file("many.arrow"), countingDocuments(lengths), HEADER, 2 ** 16);
    await using stream = await openTokenStream(path);
    expect([...(await stream.documentLengths())]).toEqual(lengths);
  });

  it("reads windows longer than it converts at once", async () => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments([150_000, 7, 50_000], MASKED);
    const { path, tokens } = await writeShard(folder.file("a.arrow"), documents, MASKED, 2 ** 18);
    await using stream = await openTokenStream(path);
    expect(await stream.read(3, tokens - 3)).toEqual(expectedWindow(documents, true, 3, tokens - 3));
  });

  it("takes the files of a folder in the order of their names", async () => {
    await using folder = await temporaryFolder();
    const [first, second, third] = countingDocuments([2, 3, 4]);
    await writeShard(folder.file("b.arrow"), [second]);
    await writeShard(folder.file("c.arrow"), [third]);
    await writeShard(folder.file("a.arrow"), [first]);
    await writeFile(folder.file("notes.txt"), "not a shard");
    await writeFile(folder.file("d.arrow.partial-1-2"), "left over");
    expect(await readAll(folder.path)).toEqual(expectedWindow([first, second, third], false, 0, 9));
  });

  it("fills the mask with ones for files that have none", async () => {
    await using folder = await temporaryFolder();
    const [plain, masked] = countingDocuments([2, 3]);
    await writeShard(folder.file("a.arrow"), [plain]);
    await writeShard(folder.file("b.arrow"), [masked], MASKED);
    expect((await readAll(folder.path)).lossMask).toEqual(Uint8Array.of(1, 1, ...masked.mask));
  });

  it.each([
    [-1, 1],
    [0, 14],
    [13, 1],
    [0.5, 1],
    [0, -1],
    [Number.NaN, 1],
  ])("refuses the window (%d, %d), which is our mistake", async (start, length) => {
    await using folder = await temporaryFolder();
    await writeShard(folder.file("a.arrow"), countingDocuments([13]));
    await using stream = await openTokenStream(folder.path);
    await expect(stream.read(start, length)).rejects.toThrow(RangeError);
    expect((await stream.read(13, 0)).ids).toHaveLength(0);
  });

  it("has a fingerprint of its content alone", async () => {
    await using folder = await temporaryFolder();
    const fingerprint = async (name: string, lengths: readonly number[], batchTokens = 64) => {
      await writeShard(folder.file(name), countingDocuments(lengths), HEADER, batchTokens);
      await using stream = await openTokenStream(folder.file(name));
      return stream.fingerprint;
    };
    const first = await fingerprint("a.arrow", [3, 4, 5]);
    expect(await fingerprint("b.arrow", [3, 4, 5], 4)).toBe(first);
    expect(await fingerprint("c.arrow", [4, 3, 5])).not.toBe(first);
    expect(await fingerprint("d.arrow", [3, 4])).not.toBe(first);
  });

  it.each([
    ["tokenizer", { tokenizer: "beef" }],
    ["vocabulary", { vocabulary: 60_001 }],
    ["endOfText", { endOfText: 1 }],
  ])("refuses shards with another %s in one folder", async (key, other) => {
    await using folder = await temporaryFolder();
    await writeShard(folder.file("a.arrow"), countingDocuments([3]));
    const header = { ...HEADER, ...other };
    await writeShard(folder.file("b.arrow"), countingDocuments([1], header), header);
    await expect(openTokenStream(folder.path)).rejects.toThrow(UserError);
    await expect(openTokenStream(folder.path)).rejects.toThrow(key);
    await expect(openTokenStream(folder.path)).rejects.toThrow("b.arrow");
  });

  it("names no domain when the shards name several", async () => {
    await using folder = await temporaryFolder();
    await writeShard(folder.file("a.arrow"), countingDocuments([3]));
    await writeShard(folder.file("b.arrow"), countingDocuments([3]), { ...HEADER, domain: "code" });
    await using stream = await openTokenStream(folder.path);
    expect(stream.domain).toBeNull();
  });

  it("says what is wrong with a path that has no shards", async () => {
    await using folder = await temporaryFolder();
    await expect(openTokenStream(folder.file("absent"))).rejects.toThrow(/ENOENT/);
    await expect(openTokenStream(folder.path)).rejects.toThrow("has no shards");
    await writeFile(folder.file("a.arrow"), "");
    await expect(openTokenStream(folder.path)).rejects.toThrow(/a\.arrow: this file is empty/);
    await writeFile(folder.file("a.arrow"), "some text, longer than a magic");
    await expect(openTokenStream(folder.path)).rejects.toThrow("not an Arrow file");
  });

  it("refuses what is not a file without waiting for it", async () => {
    await expect(openTokenStream("/dev/zero")).rejects.toThrow("not a file");
  });

  it("keeps its files open, and says so when one shrinks", async () => {
    await using folder = await temporaryFolder();
    await writeShard(folder.file("a.arrow"), countingDocuments([3, 40]));
    await using stream = await openTokenStream(folder.path);
    await rename(folder.file("a.arrow"), folder.file("moved"));
    expect((await stream.read(0, 2)).ids).toEqual(Int32Array.of(0, 1));
    await truncate(folder.file("moved"), 200);
    await expect(stream.read(0, 43)).rejects.toThrow(/became shorter/);
    await rm(folder.file("moved"));
  });
});
