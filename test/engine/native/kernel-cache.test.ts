/** What the cache of compiled kernels finds, repairs and refuses; the compilers' own tests do it from one end to the other. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { findCached, storeCached } from "../../../src/engine/native/kernel-cache.js";

let folder = "";
const lines: string[] = [];
const report = (line: string): void => void lines.push(line);
const content = new TextEncoder().encode("machine code");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hephaestus-cache-"));
  lines.length = 0;
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe("kernel cache", () => {
  it("finds what was stored under the same key and kind only", async () => {
    const entry = { folder: join(folder, "new"), key: "abc", extension: "cubin" };
    expect(await findCached(entry, report)).toBeNull();
    const path = await storeCached(entry, content);
    expect(await findCached(entry, report)).toBe(path);
    expect(await readFile(path)).toEqual(Buffer.from(content));
    for (const other of [{ key: "ab" }, { key: "abcd" }, { extension: "so" }])
      expect(await findCached({ ...entry, ...other }, report)).toBeNull();
    expect(lines).toEqual([]);
  });

  it("removes a damaged file, says so, and keeps a whole one beside it", async () => {
    const entry = { folder, key: "abc", extension: "cubin" };
    const whole = await storeCached(entry, content);
    await writeFile(join(folder, "abc-0000.cubin"), "cut");
    expect(await findCached(entry, report)).toBe(whole);
    await writeFile(whole, "other");
    expect(await findCached(entry, report)).toBeNull();
    expect(lines.at(-1)).toContain(`${whole} are damaged`);
    expect(await readdir(folder)).toEqual([]);
  });

  it("names a folder that cannot be written", async () => {
    await writeFile(join(folder, "file"), "");
    const entry = { folder: join(folder, "file"), key: "abc", extension: "so" };
    const refused = storeCached(entry, content);
    await expect(refused).rejects.toBeInstanceOf(UserError);
    await expect(refused).rejects.toThrow(`${entry.folder}: the compiled kernels cannot be stored`);
  });
});
