import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { asideOf, recoverFolder, swapFolder } from "../../src/base/swap-folder.js";

let root = "";
let place = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "swap-"));
  place = join(root, "corpus");
});
afterEach(() => rm(root, { recursive: true }));

async function fill(folder: string, content: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "last"), content);
}

const content = (): Promise<string> => readFile(join(place, "last"), "utf8");

describe("a folder that is swapped", () => {
  it("appears where there was none, and replaces one that was there", async () => {
    for (const text of ["first", "second"]) {
      await fill(asideOf(place), text);
      await swapFolder(place);
      expect(await content()).toBe(text);
      expect(await readdir(root)).toEqual(["corpus"]);
    }
  });

  it("goes on where an exchange was cut between its renames", async () => {
    await fill(place, "old");
    await fill(asideOf(place), "new");
    await rename(place, join(root, ".corpus.old"));
    await recoverFolder(place, "last");
    expect(await content()).toBe("new");
    expect(await readdir(root)).toEqual(["corpus"]);
  });

  it("brings the old one back where the new one was never whole", async () => {
    await fill(place, "old");
    await mkdir(asideOf(place));
    await rename(place, join(root, ".corpus.old"));
    await recoverFolder(place, "last");
    expect(await content()).toBe("old");
  });

  it("leaves a half-filled folder aside where it is", async () => {
    await fill(place, "old");
    await mkdir(asideOf(place));
    await recoverFolder(place, "last");
    expect(await content()).toBe("old");
    expect(await readdir(root)).toContain(".corpus.partial");
  });
});
