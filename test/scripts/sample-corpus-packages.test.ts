/** Package cache and tarball reader of the sample corpus: pinned bytes or nothing, and no network. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  fillCache,
  integrityOf,
  type Pack,
  type PinnedPackage,
  readPackage,
  tarballName,
} from "../../scripts/sample-corpus/package-cache.js";
import { PACKAGES } from "../../scripts/sample-corpus/packages.js";
import { readTarball } from "../../scripts/sample-corpus/tarball.js";
import { UserError } from "../../src/base/errors.js";

/** One tar entry: header of 512 bytes and the content padded to 512. */
function entry(path: string, content: string, kind = "0"): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(path, 0, "utf8");
  header.write(body.length.toString(8).padStart(11, "0"), 124);
  header.write(kind, 156);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

function tarball(...entries: Buffer[]): Buffer {
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));
}

describe("readTarball", () => {
  it("gives the wanted regular files without the leading folder", () => {
    const bytes = tarball(
      entry("package/", "", "5"),
      entry("package/a.js", "one"),
      entry("package/b.md", "two"),
      entry("package/c.js", "é"),
    );
    expect([...readTarball(bytes, (path) => path.endsWith(".js"))]).toEqual([
      ["a.js", "one"],
      ["c.js", "é"],
    ]);
  });

  it("takes a long path from a pax header, for the next file only", () => {
    const record = "path=package/deep/long-name.js\n";
    const pax = `${record.length + 3} ${record}`;
    expect(pax.length).toBe(record.length + 3);
    const bytes = tarball(
      entry("PaxHeader", `13 ctime=1.5\n${pax}`, "x"),
      entry("package/short", "one"),
      entry("package/next.js", "two"),
    );
    expect([...readTarball(bytes, () => true)]).toEqual([
      ["deep/long-name.js", "one"],
      ["next.js", "two"],
    ]);
  });
});

describe("the pinned packages", () => {
  it("are pinned exactly, each once", () => {
    for (const { version, integrity } of PACKAGES) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(Buffer.from(integrity.replace("sha512-", ""), "base64")).toHaveLength(64);
    }
    expect(new Set(PACKAGES.map(tarballName)).size).toBe(PACKAGES.length);
  });
});

describe("cache", () => {
  const bytes = tarball(entry("package/a.js", "one"));
  const pinned: PinnedPackage = {
    name: "@scope/thing",
    version: "1.2.3",
    integrity: integrityOf(bytes),
    licence: "MIT",
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
    expect(await readPackage(cache, pinned)).toEqual(bytes);
  });

  it("notices one changed byte in the cache, says so and fetches anew", async () => {
    await fill();
    const path = join(cache, tarballName(pinned));
    const changed = await readFile(path);
    changed[20] = (changed[20] ?? 0) ^ 1;
    await writeFile(path, changed);
    await expect(readPackage(cache, pinned)).rejects.toThrow(/not the pinned one/);
    await fill();
    expect(calls).toHaveLength(2);
    expect(lines.join("\n")).toContain("@scope/thing 1.2.3: the cached tarball is not the pinned one");
    expect(await readPackage(cache, pinned)).toEqual(bytes);
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
