/** Saving and what it leaves on the disk. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { listCheckpoints, openCheckpoint } from "../../src/checkpoint/load.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { contentOf, newFolder, openedView, savedView, tensor } from "./content.js";

describe("saveCheckpoint", () => {
  it("comes back bit for bit: NaN payloads, negative zero, subnormals, configuration and state", async () => {
    const run = join(newFolder(), "runs", "first");
    const content = contentOf(100, 3000);
    const folder = await saveCheckpoint(run, content);
    expect(folder).toBe(join(run, "step-00000100"));
    expect(await openedView(await openCheckpoint(folder))).toEqual(savedView(content));
  });

  it("writes the promised files and no others, each with its true size and hash in the manifest", async () => {
    const run = newFolder();
    const source = join(run, "some-tokenizer.json");
    writeFileSync(source, "é".repeat(3_000_000));
    const folder = await saveCheckpoint(run, { ...contentOf(7), attachments: { "tokenizer.json": source } });
    const names = ["config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "trainer.json"];
    expect(readdirSync(folder).sort()).toEqual([...names, "manifest.json"].sort());
    expect(readdirSync(run).sort()).toEqual(["some-tokenizer.json", "step-00000007"]);
    const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    expect(Object.keys(manifest.files).sort()).toEqual(names);
    for (const name of names) {
      const bytes = readFileSync(join(folder, name));
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      expect(manifest.files[name], name).toEqual({ bytes: bytes.length, sha256 });
    }
    expect(readFileSync(join(folder, "tokenizer.json")).equals(readFileSync(source))).toBe(true);
  });

  it("gives equal bytes for equal content", async () => {
    const [a, b] = [newFolder(), newFolder()];
    for (const run of [a, b]) await saveCheckpoint(run, contentOf(3));
    for (const name of readdirSync(join(a, "step-00000003")))
      expect(readFileSync(join(a, "step-00000003", name)), name).toEqual(readFileSync(join(b, "step-00000003", name)));
  });

  it("replaces a checkpoint of the same step and leaves nothing beside it", async () => {
    const run = newFolder();
    await saveCheckpoint(run, contentOf(5));
    const newer = { ...contentOf(5), weights: [tensor("other", "weight", [1, 2, 3])] };
    const folder = await saveCheckpoint(run, newer);
    expect(await openedView(await openCheckpoint(folder))).toEqual(savedView(newer));
    expect(readdirSync(run)).toEqual(["step-00000005"]);
  });

  it("saves a model without moments", async () => {
    const content = { ...contentOf(0), moments: [] };
    const folder = await saveCheckpoint(newFolder(), content);
    expect(await openedView(await openCheckpoint(folder))).toEqual(savedView(content));
  });

  it("names an attachment that is missing or a folder, and leaves nothing", async () => {
    const run = newFolder();
    for (const source of [join(run, "absent.json"), run]) {
      const saving = saveCheckpoint(run, { ...contentOf(1), attachments: { "tokenizer.json": source } });
      await expect(saving).rejects.toThrow(UserError);
      await expect(saving).rejects.toThrow(source);
    }
    expect(readdirSync(run)).toEqual([]);
  });

  it("says so when a file is where the run's folder should be", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "file"), "");
    await expect(saveCheckpoint(join(folder, "file"), contentOf(1))).rejects.toThrow(/a file is where/);
    await expect(saveCheckpoint(join(folder, "file", "run"), contentOf(1))).rejects.toThrow(UserError);
  });

  const contradictions = {
    "another step in the state": { ...contentOf(1), step: 2 },
    "a fractional step": { ...contentOf(1.5) },
    "a moment among the weights": { ...contentOf(1), weights: contentOf(1).moments },
    "a weight among the moments": { ...contentOf(1), moments: contentOf(1).weights },
    "a weight given twice": { ...contentOf(1), weights: [...contentOf(1).weights, ...contentOf(1).weights] },
    "a reserved tensor name": { ...contentOf(1), weights: [tensor("__metadata__", "weight", [1])] },
    "a shape of another size": { ...contentOf(1), weights: [{ ...tensor("w", "weight", [1]), shape: [2] }] },
    "a reserved attachment": { ...contentOf(1), attachments: { "manifest.json": "x" } },
    "an attachment outside": { ...contentOf(1), attachments: { "../x.json": "x" } },
    "a number that JSON cannot hold": { ...contentOf(1), config: { theta: Number.NaN } },
    "an object that JSON cannot hold": { ...contentOf(1), config: { theta: new Float32Array(2) } },
  };
  for (const [what, content] of Object.entries(contradictions))
    it(`refuses ${what} as a bug, and leaves nothing`, async () => {
      const run = newFolder();
      const error: unknown = await saveCheckpoint(run, content).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      expect(error).not.toBeInstanceOf(UserError);
      expect(readdirSync(run)).toEqual([]);
    });
});

describe("listCheckpoints", () => {
  it("lists folders with a manifest by step, and nothing else", async () => {
    const run = newFolder();
    for (const step of [100_000_000, 20, 3]) await saveCheckpoint(run, contentOf(step));
    mkdirSync(join(run, "step-00000009"));
    mkdirSync(join(run, "step-0000000100"));
    mkdirSync(join(run, "step-00000011.partial-1-00000000"));
    writeFileSync(join(run, "step-00000011.partial-1-00000000", "manifest.json"), "{}");
    writeFileSync(join(run, "log.jsonl"), "");
    expect((await listCheckpoints(run)).map(({ step }) => step)).toEqual([3, 20, 100_000_000]);
    expect((await listCheckpoints(run)).every(({ folder }) => existsSync(folder))).toBe(true);
  });

  it("finds none in a folder that does not exist", async () => {
    expect(await listCheckpoints(join(newFolder(), "absent"))).toEqual([]);
  });
});
