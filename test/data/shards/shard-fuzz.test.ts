/** Broken files: whatever the damage, a UserError or the right tokens; never a crash, a hang, or memory for what a file merely claims. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { checkShard } from "../../../src/data/shards/shard-check.js";
import type { StreamWindow } from "../../../src/data/shards/token-stream.js";
import { countingDocuments, expectedWindow, HEADER, readAll, temporaryFolder, writeShard } from "./shard-samples.js";

const GOLDEN = fileURLToPath(new URL("../../golden/arrow", import.meta.url));
const FULL = { ...HEADER, lossMask: true, source: true };
const DOCUMENTS = countingDocuments([3, 17, 1, 40, 12, 30, 2, 25], FULL);
const TOKENS = 130;

async function goodShard(): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const { path } = await writeShard(folder.file("good.arrow"), DOCUMENTS, FULL, 40);
  return readFile(path);
}

/** What reading gives: the window, or null for a UserError. Anything else fails the test. */
async function attempt<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

/** A window that a damaged file may give: as many ids as it says, all below the bound. */
function expectSound(window: StreamWindow | null, bound: number): void {
  if (window === null) return;
  expect(window.ids.every((id) => id >= 0 && id < bound)).toBe(true);
  expect(window.lossMask?.every((bit) => bit <= 1) ?? true).toBe(true);
  expect(window.documentStarts.every((start, i) => start > (window.documentStarts[i - 1] ?? -1))).toBe(true);
  expect(window.documentStarts.every((start) => start < window.ids.length)).toBe(true);
}

describe("a shard cut off", () => {
  it("is refused at every length", async () => {
    await using folder = await temporaryFolder();
    const path = folder.file("a.arrow");
    const good = await goodShard();
    for (let length = 0; length < good.length; length += length < 64 || length > good.length - 64 ? 1 : 64) {
      await writeFile(path, good.subarray(0, length));
      expect(await attempt(() => readAll(path)), `${length} bytes`).toBeNull();
    }
  });

  it.each(["stream-int32.arrow", "stream-many-columns.arrow", "file-large-list.arrow"])(
    "is refused at every 64th byte of %s",
    async (name) => {
      await using folder = await temporaryFolder();
      const path = folder.file("a.arrow");
      const good = await readFile(join(GOLDEN, name));
      for (let length = 0; length < good.length; length += 64) {
        await writeFile(path, good.subarray(0, length));
        expect(await attempt(() => readAll(path)), `${length} bytes`).toBeNull();
      }
    },
  );
});

describe("a shard with a flipped bit", () => {
  it("never passes the check with other tokens than it was written with", async () => {
    await using folder = await temporaryFolder();
    const path = folder.file("a.arrow");
    const good = await goodShard();
    const expected = expectedWindow(DOCUMENTS, true, 0, TOKENS);
    let refused = 0;
    for (let at = 0; at < good.length; at += 3) {
      const bad = Buffer.from(good);
      bad[at] ^= 1 << ((at * 5 + 3) % 8);
      await writeFile(path, bad);
      const window = await attempt(() => readAll(path));
      expectSound(window, FULL.vocabulary);
      if (window !== null && (await attempt(() => checkShard(path))) !== null)
        expect(window, `byte ${at}`).toEqual(expected);
      else refused++;
    }
    expect(refused, "most bytes matter").toBeGreaterThan(good.length / 12);
  });

  it.each(["file-many-columns.arrow", "stream-int64.arrow"])("is refused or read soundly in %s", async (name) => {
    await using folder = await temporaryFolder();
    const path = folder.file("a.arrow");
    const good = await readFile(join(GOLDEN, name));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(good.length * 8 - 1), { minLength: 1, maxLength: 4 }), async (bits) => {
        const bad = Buffer.from(good);
        for (const bit of bits) bad[bit >> 3] ^= 1 << (bit & 7);
        await writeFile(path, bad);
        expectSound(await attempt(() => readAll(path)), 2 ** 31);
      }),
      { numRuns: 400 },
    );
  });
});

describe("a shard of noise", () => {
  it("is refused, with any head and tail", async () => {
    await using folder = await temporaryFolder();
    const path = folder.file("a.arrow");
    const heads = [Buffer.alloc(0), Buffer.from("ARROW1\0\0"), Buffer.from([255, 255, 255, 255])];
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(...heads),
        fc.boolean(),
        fc.nat(2000),
        async (noise, head, tail, length) => {
          const end = Buffer.from([length & 255, length >> 8, 0, 0, ...Buffer.from("ARROW1")]);
          await writeFile(path, Buffer.concat([head, noise, tail ? end : Buffer.alloc(0)]));
          expect(await attempt(() => readAll(path))).toBeNull();
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is refused without memory for what it claims", async () => {
    await using folder = await temporaryFolder();
    const path = folder.file("a.arrow");
    const good = await goodShard();
    const footerAt = good.length - 10 - good.readInt32LE(good.length - 10);
    const before = process.memoryUsage().rss;
    for (let at = footerAt; at + 4 <= good.length; at += 4) {
      for (const claim of [0x7fffffff, 0xffffffff, 0x00ffffff]) {
        const bad = Buffer.from(good);
        bad.writeUInt32LE(claim, at);
        await writeFile(path, bad);
        expectSound(await attempt(() => readAll(path)), FULL.vocabulary);
      }
    }
    // Any one of these claims, believed, is an array of 16 million elements or more.
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
  });
});
