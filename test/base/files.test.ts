import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { asDiskError, exists, partialName, readJson, writeFileAtomic } from "../../src/base/files.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "files-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("writeFileAtomic", () => {
  it("makes the folders, writes text, bytes or what a function writes, and leaves nothing beside", async () => {
    const path = join(folder, "deep", "er", "file");
    await writeFileAtomic(path, "text");
    expect(await readFile(path, "utf8")).toBe("text");
    await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    await writeFileAtomic(path, async (file) => {
      await file.write("in ");
      await file.write("pieces");
    });
    expect(await readFile(path, "utf8")).toBe("in pieces");
    expect(await readdir(join(folder, "deep", "er"))).toEqual(["file"]);
  });

  it("keeps the old content and cleans up when writing fails half-way", async () => {
    const path = join(folder, "file");
    await writeFileAtomic(path, "old");
    const failing = writeFileAtomic(path, async (file) => {
      await file.write("half of the n");
      throw new Error("interrupted");
    });
    await expect(failing).rejects.toThrow("interrupted");
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it.skipIf(!existsSync("/dev/full"))(
    "says that the disk is full, with the path, and changes nothing (needs /dev/full)",
    async () => {
      const path = join(folder, "file");
      await writeFileAtomic(path, "old");
      const failing = writeFileAtomic(path, async () => {
        await using full = await open("/dev/full", "w");
        await full.write("x");
      });
      await expect(failing).rejects.toThrow(UserError);
      await expect(failing).rejects.toThrow(`${path}: the disk is full`);
      expect(await readFile(path, "utf8")).toBe("old");
      expect(await readdir(folder)).toEqual(["file"]);
    },
  );

  it("leaves the old content or the new, never a part, when the process is killed", async () => {
    const path = join(folder, "file");
    const size = 4 << 20;
    const program = `
      import { writeFileAtomic } from "./src/base/files.ts";
      const contents = [new Uint8Array(${size}).fill(1), new Uint8Array(${size}).fill(2)];
      for (let i = 0; ; i++) {
        await writeFileAtomic(${JSON.stringify(path)}, contents[i % 2]);
        if (i === 0) console.log("ready");
      }`;
    let leftOver = 0;
    for (let attempt = 0; attempt < 6; attempt++) {
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      await wait(attempt * 7);
      child.kill("SIGKILL");
      await once(child, "close");
      const found = await readFile(path);
      expect(found.length).toBe(size);
      expect(found.every((byte) => byte === found[0])).toBe(true);
      const names = (await readdir(folder)).filter((name) => name !== "file");
      for (const name of names) expect(name).toMatch(/^file\.partial-/);
      leftOver += names.length;
    }
    // The writer does nothing else, so that at least one of six kills must have met it inside a write.
    expect(leftOver).toBeGreaterThan(0);
  });
});

describe("partialName", () => {
  it("lies beside the file and never repeats", () => {
    const names = Array.from({ length: 100 }, () => partialName("/a/b"));
    expect(new Set(names).size).toBe(100);
    for (const name of names) expect(name.startsWith("/a/b.partial-")).toBe(true);
  });
});

describe("asDiskError", () => {
  const systemError = (code: string): Error => Object.assign(new Error(code), { code });

  it.each([
    ["ENOSPC", "the disk is full"],
    ["EDQUOT", "the disk is full"],
    ["EACCES", "cannot be written"],
    ["EPERM", "cannot be written"],
    ["EROFS", "cannot be written"],
  ])("explains %s and keeps it as the cause", (code, words) => {
    const cause = systemError(code);
    const error = asDiskError(cause, "/runs/one");
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toContain(words);
    expect(String(error)).toContain("/runs/one");
    expect(error).toHaveProperty("cause", cause);
  });

  it("leaves anything else alone", () => {
    for (const other of [systemError("EIO"), new Error("bug"), "text", null])
      expect(asDiskError(other, "/x")).toBe(other);
  });
});

describe("exists", () => {
  it("is true for files and folders only while they are there", async () => {
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, "file"), "");
    expect(await Promise.all(["sub", "file", "absent"].map((name) => exists(join(folder, name))))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe("readJson", () => {
  it("gives the value", async () => {
    await writeFile(join(folder, "a.json"), '{"a":[1,null]}');
    expect(await readJson(join(folder, "a.json"))).toEqual({ a: [1, null] });
  });

  it.each(["", "{", "{'a':1}", "nope", '{"a":1}x'])("names the file that holds %j", async (text) => {
    const path = join(folder, "a.json");
    await writeFile(path, text);
    await expect(readJson(path)).rejects.toThrow(UserError);
    await expect(readJson(path)).rejects.toThrow(`${path}: this file is not valid JSON`);
  });

  it("names an absent file and a folder", async () => {
    await expect(readJson(join(folder, "absent.json"))).rejects.toThrow("cannot read this file (ENOENT)");
    await expect(readJson(folder)).rejects.toThrow("cannot read this file (EISDIR)");
  });
});
