/** Unpacking pinned packages: whole or absent, only what is wanted, never outside the folder. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import { integrityOf, type PinnedPackage } from "../../../../src/corpus/sources/packages/package-cache.js";
import { packageFiles, unpackPackage } from "../../../../src/corpus/sources/packages/unpack.js";
import { entry, tarball } from "./tar-entries.js";

let cache: string;
let folder: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "unpack-"));
  folder = join(cache, "out", "thing");
});
afterEach(() => rm(cache, { recursive: true, force: true }));

async function pin(bytes: Uint8Array, version = "1.0.0"): Promise<PinnedPackage> {
  const path = join(cache, `thing-${version}.tgz`);
  await writeFile(path, bytes);
  return { name: "thing", version, integrity: await integrityOf(path) };
}

const GOOD = tarball(
  entry("package/a.js", "one"),
  entry("package/deep/b.js", "é"),
  entry("package/c.md", "three"),
  entry("package/d.js", "", "2"),
);

describe("unpackPackage", () => {
  it("writes the wanted regular files, and leaves nothing beside them but the stamp", async () => {
    await unpackPackage(cache, await pin(GOOD), /\.js$/g, folder);
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(["a.js", "deep", "deep/b.js"]);
    expect(await readFile(join(folder, "deep/b.js"), "utf8")).toBe("é");
    expect(await readdir(join(cache, "out"))).toEqual(["thing", "thing.unpacked"]);
  });

  it("does nothing a second time, and replaces a folder of other files or another package", async () => {
    const pinned = await pin(GOOD);
    await unpackPackage(cache, pinned, /\.js$/, folder);
    await writeFile(join(folder, "mark"), "");
    await unpackPackage(cache, pinned, /\.js$/, folder);
    expect(await readdir(folder)).toContain("mark");
    await unpackPackage(cache, pinned, /\.md$/, folder);
    expect(await readdir(folder)).toEqual(["c.md"]);
    await unpackPackage(cache, await pin(tarball(entry("package/new.md", "x")), "2.0.0"), /\.md$/, folder);
    expect(await readdir(folder)).toEqual(["new.md"]);
  });

  it("refuses other bytes than the pinned ones, and keeps the folder that is there", async () => {
    const pinned = await pin(GOOD);
    await unpackPackage(cache, pinned, /\.js$/, folder);
    await writeFile(join(cache, "thing-1.0.0.tgz"), tarball(entry("package/a.js", "evil")));
    await expect(unpackPackage(cache, pinned, /./, folder)).rejects.toThrow(/not the pinned one/);
    expect(await readFile(join(folder, "a.js"), "utf8")).toBe("one");
  });

  it.each([
    "package/../../evil",
    "package//etc/passwd",
    "package/a/../b",
    "package/c:evil",
    "package/back\\slash",
    "package/.",
  ])("refuses the path %j and leaves nothing behind", async (path) => {
    const pinned = await pin(tarball(entry("package/good", "x"), entry(path, "x")));
    const failure = await unpackPackage(cache, pinned, /./, folder).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(String(failure)).toMatch(/unsafe to unpack/);
    expect(await readdir(join(cache, "out"))).toEqual([]);
  });

  it.each([
    ["twice", [entry("package/a", "x"), entry("package/a", "y")]],
    ["as a file and a folder", [entry("package/a", "x"), entry("package/a/b", "y")]],
    ["with an endless name", [entry("././@LongLink", `package/${"x".repeat(300)}`, "L"), entry("package/a", "y")]],
  ])("refuses a path that comes %s", async (_, entries) => {
    const unpacked = unpackPackage(cache, await pin(tarball(...entries)), /./, folder);
    await expect(unpacked).rejects.toThrow(/cannot be written/);
    expect(await readdir(join(cache, "out"))).toEqual([]);
  });

  it("says when the archive is no gzip, is cut, or has none of the wanted files", async () => {
    await expect(unpackPackage(cache, await pin(Buffer.from("plain")), /./, folder)).rejects.toThrow(
      /cannot be unpacked/,
    );
    const cut = await pin(gzipSync(Buffer.alloc(100_000, "noise")).subarray(0, 60));
    await expect(unpackPackage(cache, cut, /./, folder)).rejects.toThrow(UserError);
    await expect(unpackPackage(cache, await pin(GOOD), /\.ts$/, folder)).rejects.toThrow(/none of the wanted files/);
  });

  it("says what to do where the archive is absent", async () => {
    const pinned = { name: "thing", version: "9.0.0", integrity: "sha512-x" };
    await expect(unpackPackage(cache, pinned, /./, folder)).rejects.toThrow(/no tarball of thing@9.0.0/);
  });

  it("replaces what a killed run left half", async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "half"), "");
    await unpackPackage(cache, await pin(GOOD), /\.md$/, folder);
    expect(await readdir(folder)).toEqual(["c.md"]);
  });
});

describe("packageFiles", () => {
  it("gives the texts in memory", async () => {
    expect([...(await packageFiles(cache, await pin(GOOD), /\.js$/))]).toEqual([
      ["a.js", "one"],
      ["deep/b.js", "é"],
    ]);
  });
});
