/** The cache of packages: pinned bytes or nothing, and no network. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import {
  fillCache,
  integrityOf,
  type Pack,
  type PinnedPackage,
  tarballName,
  verifyPackage,
} from "../../../../src/corpus/sources/packages/package-cache.js";

describe("cache", () => {
  const bytes = Buffer.from("an archive");
  const pinned: PinnedPackage = {
    name: "@scope/thing",
    version: "1.2.3",
    integrity: `sha512-${createHash("sha512").update(bytes).digest("base64")}`,
  };
  let cache: string;
  let calls: string[][];
  let lines: string[];
  const packing =
    (content: Buffer): Pack =>
    async (specifications, folder) => {
      calls.push([...specifications]);
      await writeFile(join(folder, "scope-thing-1.2.3.tgz"), content);
    };
  const fill = (content = bytes): Promise<void> =>
    fillCache(cache, [pinned], (line) => lines.push(line), packing(content));

  beforeEach(async () => {
    cache = join(await mkdtemp(join(tmpdir(), "cache-")), "packages");
    calls = [];
    lines = [];
  });
  afterEach(() => rm(join(cache, ".."), { recursive: true, force: true }));

  it("fetches what is missing once, and leaves only the tarball", async () => {
    await fill();
    await fill();
    expect(calls).toEqual([["@scope/thing@1.2.3"]]);
    expect(await readdir(cache)).toEqual(["scope-thing-1.2.3.tgz"]);
    await verifyPackage(cache, pinned);
    expect(await integrityOf(join(cache, tarballName(pinned)))).toBe(pinned.integrity);
  });

  it("notices one changed byte in the cache, says so and fetches anew", async () => {
    await fill();
    const path = join(cache, tarballName(pinned));
    const changed = await readFile(path);
    changed[2] = (changed[2] ?? 0) ^ 1;
    await writeFile(path, changed);
    await expect(verifyPackage(cache, pinned)).rejects.toThrow(/not the pinned one/);
    await fill();
    expect(calls).toHaveLength(2);
    expect(lines.join("\n")).toContain("@scope/thing 1.2.3: the cached tarball is not the pinned one");
    await verifyPackage(cache, pinned);
    expect(await integrityOf(join(cache, tarballName(pinned)))).toBe(pinned.integrity);
  });

  it("refuses other bytes from npm and keeps them out of the cache", async () => {
    const failure = await fill(Buffer.from("other")).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(String(failure)).toContain(pinned.integrity);
    expect(await readdir(cache)).toEqual([]);
  });

  it("says when npm brought nothing", async () => {
    await expect(
      fillCache(
        cache,
        [pinned],
        () => {},
        async () => {},
      ),
    ).rejects.toThrow(/npm brought no tarball of @scope\/thing@1.2.3/);
  });

  it("says why a cached package cannot be read", async () => {
    await mkdir(join(cache, tarballName(pinned)), { recursive: true });
    await expect(fill()).rejects.toThrow(/cannot read the cached package \(EISDIR\)/);
  });
});
