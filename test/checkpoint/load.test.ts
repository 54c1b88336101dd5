/** Opening: every kind of damage is named, the newest whole checkpoint is found, foreign folders give their weights. */
import { mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageOf, UserError } from "../../src/base/errors.js";
import { fingerprintOf, sha256 } from "../../src/base/fingerprint.js";
import { newestWhole, openCheckpoint } from "../../src/checkpoint/load.js";
import { verifyCheckpoint } from "../../src/checkpoint/manifest.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { contentOf, newFolder, openedView, savedView } from "./content.js";

const FILES = ["config.json", "model.safetensors", "optimizer.safetensors", "trainer.json"];

/** What opening throws: for its user, naming the path. */
async function refusalOf(folder: string, path: string): Promise<string> {
  const error: unknown = await openCheckpoint(folder).then(
    () => new Error("not refused"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(messageOf(error)).toContain(path);
  return messageOf(error);
}

function flipBit(path: string, bit: number): void {
  const bytes = readFileSync(path);
  bytes[bit >> 3] ^= 1 << (bit & 7);
  writeFileSync(path, bytes);
}

/** Writes a manifest that is true and sealed: what another program could make. */
function reseal(folder: string, change: (manifest: Record<string, unknown>) => Record<string, unknown>): void {
  const path = join(folder, "manifest.json");
  const { seal: _, ...manifest } = JSON.parse(readFileSync(path, "utf8"));
  const files = Object.fromEntries(
    FILES.map((name) => {
      const bytes = readFileSync(join(folder, name));
      return [name, { bytes: bytes.length, sha256: sha256(bytes) }];
    }),
  );
  const changed = change({ ...manifest, files });
  writeFileSync(path, JSON.stringify({ ...changed, seal: fingerprintOf(changed) }));
}

function rewriteJson(path: string, change: (value: Record<string, unknown>) => unknown): void {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")))));
}

describe("a damaged checkpoint", () => {
  for (const name of FILES) {
    it(`is refused by name: ${name} missing, a folder, short, long, altered`, async () => {
      const folder = await saveCheckpoint(newFolder(), contentOf(10));
      const path = join(folder, name);
      const good = readFileSync(path);
      const damage: [RegExp, () => unknown][] = [
        [/this file is missing/, () => rmSync(path)],
        [/this is not a plain file/, () => [rmSync(path), mkdirSync(path)]],
        [/too short[\s\S]*expected: \d+ bytes/, () => truncateSync(path, good.length - 1)],
        [/too long/, () => writeFileSync(path, Buffer.concat([good, Buffer.of(0)]))],
        [/this file was altered[\s\S]*SHA-256/, () => flipBit(path, good.length * 4)],
      ];
      for (const [says, harm] of damage) {
        harm();
        expect(await refusalOf(folder, path)).toMatch(says);
        rmSync(path, { recursive: true, force: true });
        writeFileSync(path, good);
      }
      await expect(verifyCheckpoint(folder)).resolves.toBeUndefined();
    });
  }

  it("names every damaged file at once", async () => {
    const folder = await saveCheckpoint(newFolder(), contentOf(10));
    rmSync(join(folder, "config.json"));
    flipBit(join(folder, "trainer.json"), 100);
    const message = await refusalOf(folder, join(folder, "config.json"));
    expect(message).toContain(join(folder, "trainer.json"));
    expect(message).not.toContain("model.safetensors");
  });

  it("is refused whichever bit of the manifest flips, unless the manifest still says the same", async () => {
    const folder = await saveCheckpoint(newFolder(), contentOf(10));
    const path = join(folder, "manifest.json");
    const good = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: good.length * 8 - 1 }), async (bit) => {
        writeFileSync(path, good);
        flipBit(path, bit);
        const same =
          isJson(path) && readFileSync(path, "utf8").replace(/\s/g, "") === good.toString().replace(/\s/g, "");
        if (!same) await refusalOf(folder, path);
      }),
      { numRuns: 150 },
    );
  });

  it("is refused when its manifest is missing, no object, gigantic, or lists too little or too much", async () => {
    const folder = await saveCheckpoint(newFolder(), contentOf(10));
    const path = join(folder, "manifest.json");
    const form = /of a form that this version does not read/;
    reseal(folder, (manifest) => ({ ...manifest, format: 2 }));
    expect(await refusalOf(folder, path)).toMatch(form);
    reseal(folder, (manifest) => ({ ...manifest, files: {} }));
    expect(await refusalOf(folder, path)).toMatch(form);
    reseal(folder, (manifest) => ({
      ...manifest,
      files: { ...Object(manifest.files), "../x": { bytes: 1, sha256: "" } },
    }));
    expect(await refusalOf(folder, path)).toMatch(form);
    writeFileSync(path, "[]");
    expect(await refusalOf(folder, path)).toMatch(/does not hold a JSON object/);
    truncateSync(path, 2 ** 40);
    expect(await refusalOf(folder, path)).toMatch(/too large/);
    rmSync(path);
    expect(await refusalOf(folder, path)).toMatch(/missing/);
  });

  it("is refused when hashes are true but the content is not a trainer's: format, fields, steps", async () => {
    const folder = await saveCheckpoint(newFolder(), contentOf(10));
    const path = join(folder, "trainer.json");
    const good = readFileSync(path);
    const changes: [RegExp, (state: Record<string, unknown>) => unknown][] = [
      [/format that this version does not read[\s\S]*got: 2/, (state) => ({ ...state, format: 2 })],
      [/lacks ledger, plan/, ({ ledger: _, plan: __, ...state }) => state],
      [/malformed/, (state) => ({ ...state, updates: -1 })],
      [/malformed/, (state) => ({ ...state, step: "10" })],
      [/malformed/, (state) => ({ ...state, stage: 3 })],
      [/malformed/, (state) => ({ ...state, fingerprints: { order: "o" } })],
      [/malformed/, (state) => ({ ...state, versions: { node: 20 } })],
      [/does not hold a JSON object/, () => null],
    ];
    for (const [says, change] of changes) {
      writeFileSync(path, good);
      rewriteJson(path, change);
      reseal(folder, (manifest) => manifest);
      expect(await refusalOf(folder, path)).toMatch(says);
    }
    writeFileSync(path, good);
    rewriteJson(path, (state) => ({ ...state, step: 11 }));
    reseal(folder, (manifest) => manifest);
    expect(await refusalOf(folder, folder)).toMatch(/different steps[\s\S]*10, 10, 11/);
  });

  it("is refused under another step's name, but opens under any other", async () => {
    const run = newFolder();
    const folder = await saveCheckpoint(run, contentOf(10));
    const other = join(run, "step-00000011");
    renameSync(folder, other);
    expect(await refusalOf(other, other)).toMatch(/different steps/);
    renameSync(other, join(run, "best"));
    expect((await openCheckpoint(join(run, "best"))).trainer.step).toBe(10);
  });

  it("is refused when the tensors are not moments", async () => {
    const folder = await saveCheckpoint(newFolder(), contentOf(10));
    writeFileSync(join(folder, "optimizer.safetensors"), readFileSync(join(folder, "model.safetensors")));
    reseal(folder, (manifest) => manifest);
    const checkpoint = await openCheckpoint(folder);
    expect(() => [...checkpoint.moments()]).toThrow(/tensor "model.norm.weight" is not a moment/);
  });
});

function isJson(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, "utf8"));
    return true;
  } catch {
    return false;
  }
}

describe("newestWhole", () => {
  it("is the newest when that is whole, and null in an empty or absent folder", async () => {
    const run = newFolder();
    expect(await newestWhole(run)).toEqual({ checkpoint: null, damaged: [] });
    expect(await newestWhole(join(run, "absent"))).toEqual({ checkpoint: null, damaged: [] });
    for (const step of [1, 2]) await saveCheckpoint(run, contentOf(step));
    const { checkpoint, damaged } = await newestWhole(run);
    expect(checkpoint && (await openedView(checkpoint))).toEqual(savedView(contentOf(2)));
    expect(damaged).toEqual([]);
  });

  it("passes over damaged ones and says why, newest first, a missing manifest included", async () => {
    const run = newFolder();
    for (const step of [1, 2, 3]) await saveCheckpoint(run, contentOf(step));
    rmSync(join(run, "step-00000003", "manifest.json"));
    flipBit(join(run, "step-00000002", "model.safetensors"), 5000);
    const { checkpoint, damaged } = await newestWhole(run);
    expect(checkpoint?.trainer.step).toBe(1);
    expect(damaged.map(({ folder }) => basename(folder))).toEqual(["step-00000003", "step-00000002"]);
    expect(damaged[0].why).toMatch(/manifest.json: this file is missing/);
    expect(damaged[1].why).toMatch(/model.safetensors: this file was altered/);
  });

  it("is null when all are damaged", async () => {
    const run = newFolder();
    const folder = await saveCheckpoint(run, contentOf(1));
    truncateSync(join(folder, "trainer.json"), 0);
    const { checkpoint, damaged } = await newestWhole(run);
    expect(checkpoint).toBeNull();
    expect(damaged).toHaveLength(1);
  });
});
