/** The folder of compiled kernels: what is kept, what is thrown away, and others who do the same at once. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../../../src/base/fingerprint.js";
import { KernelCache } from "../../../../src/engine/native/cpu/cache.js";

const MINUTE_MS = 60_000;

let folder = "";
let cache: KernelCache;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hephaestus-cache-"));
  cache = new KernelCache(folder, () => {});
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** 32 hexadecimal digits. */
const keyOf = (number: number): string => sha256(`key ${number}`).slice(0, 32);
const libraryOf = (number: number): Uint8Array => Buffer.from(`library ${number}`);

/** A library that was used some minutes ago. Gives its path. */
async function stored(number: number, minutesAgo: number): Promise<string> {
  const path = await cache.store(keyOf(number), libraryOf(number));
  await setAge(path, minutesAgo);
  return path;
}

async function setAge(path: string, minutes: number): Promise<void> {
  const time = new Date(Date.now() - minutes * MINUTE_MS);
  await utimes(path, time, time);
}

async function kept(): Promise<string[]> {
  return (await readdir(folder)).map((name) => join(folder, name)).sort();
}

describe("a cache of kernels", () => {
  it("keeps the four that were used last", async () => {
    const paths: string[] = [];
    for (const number of [0, 1, 2, 3, 4, 5]) paths.push(await stored(number, 100 - number));
    expect(await kept()).toEqual(paths.slice(2).sort());
  });

  it("counts finding as using", async () => {
    const paths: string[] = [];
    for (const number of [0, 1, 2, 3]) paths.push(await stored(number, 100 - number));
    expect(await cache.find(keyOf(0))).toBe(paths[0]);
    await cache.store(keyOf(4), libraryOf(4));
    expect(await cache.find(keyOf(0))).toBe(paths[0]);
    expect(await cache.find(keyOf(1))).toBeNull();
  });

  it("never throws the one away that it was just given, whatever the clocks say", async () => {
    for (const number of [0, 1, 2, 3]) await stored(number, -1000);
    const path = await cache.store(keyOf(9), libraryOf(9));
    expect(await readFile(path, "utf8")).toBe("library 9");
    expect(await kept()).toHaveLength(4);
  });

  it("leaves what is not its own, and what others may still be writing", async () => {
    const old = join(folder, `${keyOf(1)}-${"0".repeat(64)}.so.partial-17-0badcafe`);
    const young = join(folder, `${keyOf(1)}-${"0".repeat(64)}.so.partial-18-0badcafe`);
    const others = ["compilers.json", "notes.so", `${keyOf(2)}.so`].map((name) => join(folder, name));
    for (const path of [old, young, ...others]) await writeFile(path, "");
    for (const path of [old, ...others]) await setAge(path, 61);
    await setAge(young, 59);
    const paths: string[] = [];
    for (const number of [0, 1, 2, 3]) paths.push(await stored(number, 10 - number));
    const path = await cache.store(keyOf(9), libraryOf(9));
    expect(await kept()).toEqual([young, ...others, ...paths.slice(1), path].sort());
  });

  it("lets several processes store and tidy up at once", async () => {
    const caches = Array.from({ length: 8 }, () => new KernelCache(folder, () => {}));
    const paths = await Promise.all(caches.map((one, number) => one.store(keyOf(number), libraryOf(number))));
    expect(new Set(paths).size).toBe(8);
    const path = await cache.store(keyOf(8), libraryOf(8));
    expect(await cache.find(keyOf(8))).toBe(path);
    expect(await kept()).toHaveLength(4);
  });

  it("is not stopped by a folder where a library should be", async () => {
    await mkdir(join(folder, `${keyOf(0)}-${"0".repeat(64)}.so`));
    for (const number of [1, 2, 3, 4, 5]) await stored(number, -number);
    expect((await stat(await cache.store(keyOf(6), libraryOf(6)))).isFile()).toBe(true);
  });

  it("knows nothing where there is no folder", async () => {
    const nowhere = new KernelCache(join(folder, "nowhere"), () => {});
    expect(await nowhere.find(keyOf(0))).toBeNull();
    expect(await nowhere.knownCompiler(["cc"])).toBeNull();
  });
});
