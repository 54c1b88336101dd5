import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { isHeldOut } from "../../../src/corpus/documents.js";
import { prepareDomain } from "../../../src/data/prepare/prepare.js";
import { GOLDEN_FOLDER } from "../tokenizer/tokenizer-variants.js";
import { CHOICES, documentsOf, filesOf, makeFixture, shardsOf, TEXTS } from "./prepare-fixture.js";

const DIST_WORKER = join(import.meta.dirname, "../../../dist/data/prepare/prepare-worker.js");
const SOURCE = join(import.meta.dirname, "../../../src");

describe("a prepared domain", () => {
  it("holds every document once, in order, each on its side", async () => {
    await using fixture = await makeFixture();
    const { tokenizer } = fixture.options;
    const { manifest, outcome } = await prepareDomain(fixture.options);
    expect(outcome).toBe("written");
    const expected = (heldOut: boolean) =>
      TEXTS.filter((text) => isHeldOut(text, CHOICES.heldOut) === heldOut).map((text) => [...tokenizer.encode(text)]);
    const train = await documentsOf(join(fixture.folder, "train"), tokenizer.endOfText);
    const heldOut = await documentsOf(join(fixture.folder, "held-out"), tokenizer.endOfText);
    expect(train).toEqual(expected(false));
    expect(heldOut).toEqual(expected(true));
    expect(heldOut.length).toBeGreaterThan(0);
    expect(manifest.shards.train.length).toBeGreaterThan(2);
    expect(manifest.counts).toMatchObject({
      documents: TEXTS.length,
      heldOutDocuments: heldOut.length,
      bytes: TEXTS.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
      tokens: train.flat().length + train.length,
      heldOutTokens: heldOut.flat().length + heldOut.length,
      duplicates: 0,
      rejected: 0,
    });
    expect(JSON.parse(await readFile(join(fixture.folder, "manifest.json"), "utf8"))).toEqual(manifest);
  });

  it("drops repeated documents and counts them", async () => {
    await using fixture = await makeFixture();
    await prepareDomain(fixture.options);
    const once = await shardsOf(fixture.folder);
    await fixture.write(TEXTS.flatMap((text, at) => [text, TEXTS[at >> 1]]));
    const { manifest } = await prepareDomain(fixture.options);
    expect(manifest.counts.duplicates).toBe(TEXTS.length);
    expect(manifest.counts.documents).toBe(TEXTS.length);
    expect(Object.keys(await shardsOf(fixture.folder))).toEqual(Object.keys(once));
  });

  it("takes a special token's spelling for text and says so", async () => {
    await using fixture = await makeFixture();
    const { tokenizer } = fixture.options;
    const forged = TEXTS.map((text) => `${text}<|endoftext|>${text}`);
    await fixture.write(forged);
    const { manifest } = await prepareDomain(fixture.options);
    expect(manifest.counts.withSpecialTexts).toBe(TEXTS.length);
    const train = await documentsOf(join(fixture.folder, "train"), tokenizer.endOfText);
    expect(tokenizer.decode(train[0])).toContain("<|endoftext|>");
  });

  it("leaves unusable records out up to the share that was allowed", async () => {
    await using fixture = await makeFixture();
    await writeFile(fixture.input, `${await readFile(fixture.input, "utf8")}not JSON\n`);
    await expect(prepareDomain(fixture.options)).rejects.toThrow(UserError);
    const { manifest } = await prepareDomain({ ...fixture.options, choices: { ...CHOICES, skipInvalid: 0.05 } });
    expect(manifest.counts.rejected).toBe(1);
    expect(manifest.counts.rejectedExamples[0].where).toContain(":81");
  });

  it("needs no worker threads when it is small", async () => {
    await using fixture = await makeFixture();
    // From source there is no compiled worker: a thread could not start.
    const { outcome, megabytesPerSecondPerCore } = await prepareDomain({ ...fixture.options, workers: null });
    expect(outcome).toBe("written");
    expect(megabytesPerSecondPerCore).toBeGreaterThan(0);
  });

  it("is the same from worker threads", async ({ skip }) => {
    if (!existsSync(DIST_WORKER)) skip("worker threads need the compiled worker: run npm run build");
    await using fixture = await makeFixture();
    await fixture.write(TEXTS.map((text, at) => text.repeat(40 + (at % 7))));
    const workerScript = pathToFileURL(DIST_WORKER);
    await prepareDomain(fixture.options);
    const alone = await shardsOf(fixture.folder);
    await prepareDomain({ ...fixture.options, workers: 3, workerScript, force: true });
    expect(await shardsOf(fixture.folder)).toEqual(alone);
  });

  it("names what went wrong in a worker thread", async ({ skip }) => {
    if (!existsSync(DIST_WORKER)) skip("worker threads need the compiled worker: run npm run build");
    await using fixture = await makeFixture();
    const tokenizer = { ...fixture.options.tokenizer, path: join(fixture.root, "absent.json") };
    const options = { ...fixture.options, tokenizer, workers: 2, workerScript: pathToFileURL(DIST_WORKER) };
    await expect(prepareDomain(options)).rejects.toThrow(/absent\.json/);
    const missing = pathToFileURL(join(fixture.root, "missing.js"));
    await expect(prepareDomain({ ...options, workerScript: missing })).rejects.toThrow(/missing\.js/);
  });
});

describe("preparing again", () => {
  it("does nothing when nothing changed", async () => {
    await using fixture = await makeFixture();
    const first = await prepareDomain(fixture.options);
    const before = await filesOf(fixture.folder);
    const { outcome, manifest } = await prepareDomain(fixture.options);
    expect(outcome).toBe("kept");
    expect(manifest).toEqual(first.manifest);
    expect(await filesOf(fixture.folder)).toEqual(before);
  });

  it("does nothing when an input was only touched", async () => {
    await using fixture = await makeFixture();
    await prepareDomain(fixture.options);
    await utimes(fixture.input, 1, 1);
    expect((await prepareDomain(fixture.options)).outcome).toBe("kept");
  });

  it("writes again when an input changed", async () => {
    await using fixture = await makeFixture();
    await prepareDomain(fixture.options);
    await fixture.write(TEXTS.slice(0, 40));
    const { outcome, manifest } = await prepareDomain(fixture.options);
    expect(outcome).toBe("written");
    expect(manifest.counts.documents).toBe(40);
    const listed = [...manifest.shards.train, ...manifest.shards.heldOut].map(({ path }) => path);
    expect(Object.keys(await shardsOf(fixture.folder)).sort()).toEqual(listed.sort());
  });

  it("writes again when the choices or the tokenizer changed, a shard is gone or cut, or force says so", async () => {
    await using fixture = await makeFixture();
    const { options } = fixture;
    const outcome = async (changed: object) => (await prepareDomain({ ...options, ...changed })).outcome;
    await prepareDomain(options);
    expect(await outcome({ choices: { ...CHOICES, heldOut: 0.3 } })).toBe("written");
    expect(await outcome({})).toBe("written");
    expect(await outcome({ tokenizer: { ...options.tokenizer, fingerprint: "another" } })).toBe("written");
    expect(await outcome({})).toBe("written");
    await truncate(join(fixture.folder, "train/part-00001.arrow"), 100);
    expect(await outcome({})).toBe("written");
    await rm(join(fixture.folder, "train/part-00001.arrow"));
    expect(await outcome({})).toBe("written");
    expect(await outcome({ force: true })).toBe("written");
    expect(await outcome({})).toBe("kept");
  });

  it("keeps the old shards when the new inputs cannot be read", async () => {
    await using fixture = await makeFixture();
    await prepareDomain(fixture.options);
    const before = await filesOf(fixture.folder);
    await writeFile(fixture.input, `${await readFile(fixture.input, "utf8")}not JSON\n`);
    await expect(prepareDomain(fixture.options)).rejects.toThrow(UserError);
    expect(await filesOf(fixture.folder)).toEqual(before);
  });
});

describe("an interrupted run", () => {
  /** Stops a run when its n-th shard is about to follow. */
  async function interrupt(options: Parameters<typeof prepareDomain>[0], afterTokens: number): Promise<void> {
    const onProgress = ({ tokens }: { tokens: number }): void => {
      if (tokens >= afterTokens) throw new Error("stopped");
    };
    await expect(prepareDomain({ ...options, onProgress })).rejects.toThrow("stopped");
  }

  it("goes on after its last finished shard, and ends as if it had not been stopped", async () => {
    await using fixture = await makeFixture();
    await prepareDomain(fixture.options);
    const straight = await filesOf(fixture.folder);
    await rm(fixture.folder, { recursive: true });
    await interrupt(fixture.options, 1);
    const staging = join(fixture.root, "data", ".agent.partial");
    await writeFile(join(staging, "train", "part-00009.arrow.partial-1-aa"), "left over");
    const { outcome, manifest } = await prepareDomain(fixture.options);
    expect(outcome).toBe("resumed");
    expect(await filesOf(fixture.folder)).toEqual(straight);
    expect(manifest.counts.documents).toBe(TEXTS.length);
    expect(await readdir(join(fixture.root, "data"))).toEqual(["agent"]);
  });

  it("starts over when the recipe changed or the record is damaged", async () => {
    await using fixture = await makeFixture();
    await interrupt(fixture.options, 1);
    const other = { ...fixture.options, choices: { ...CHOICES, heldOut: 0.1 } };
    await interrupt(other, 1);
    await writeFile(join(fixture.root, "data", ".agent.partial", "finished.json"), "{");
    expect((await prepareDomain(other)).outcome).toBe("written");
  });

  it("may be killed at any moment", async () => {
    await using fixture = await makeFixture();
    await fixture.write(TEXTS.map((text, at) => text.repeat(10 + (at % 5))));
    await prepareDomain(fixture.options);
    const straight = await shardsOf(fixture.folder);
    const half = { ...fixture.options, choices: { ...CHOICES, heldOut: 0.3 } };
    await prepareDomain({ ...half, force: true });
    const old = await shardsOf(fixture.folder);
    for (let shards = 1; shards <= 10; shards += 3) {
      await runUntilKilled(fixture.folder, fixture.input, shards);
      expect(await shardsOf(fixture.folder)).toEqual(old);
    }
    const { outcome } = await prepareDomain(fixture.options);
    expect(outcome).toBe("resumed");
    expect(await shardsOf(fixture.folder)).toEqual(straight);
  });

  /** Another process prepares the domain and kills itself, without any clean-up, when the n-th shard is recorded. */
  function runUntilKilled(folder: string, input: string, shards: number): Promise<void> {
    const program = `
      import { loadTokenizer } from ${JSON.stringify(join(SOURCE, "data/tokenizer/tokenizer.ts"))};
      import { prepareDomain } from ${JSON.stringify(join(SOURCE, "data/prepare/prepare.ts"))};
      import { Staging } from ${JSON.stringify(join(SOURCE, "data/prepare/prepare-staging.ts"))};
      const record = Staging.prototype.record;
      let left = ${shards};
      Staging.prototype.record = async function (lists) {
        if (left % 2 === 1) await record.call(this, lists);
        if (--left === 0) process.kill(process.pid, "SIGKILL");
        if (left % 2 === 0) await record.call(this, lists);
      };
      const tokenizer = await loadTokenizer(${JSON.stringify(join(GOLDEN_FOLDER, "tokenizer.json"))});
      await prepareDomain({ domain: "agent", paths: [${JSON.stringify(input)}], folder: ${JSON.stringify(folder)}, tokenizer,
        choices: ${JSON.stringify(CHOICES)}, workers: 1 });`;
    return new Promise((resolve, reject) => {
      execFile(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], (error) => {
        if (error?.signal === "SIGKILL") resolve();
        else reject(error ?? new Error("the run ended before it was killed"));
      });
    });
  }
});

describe("the exchange of folders", () => {
  it("is finished by the next run when it was cut short", async () => {
    await using fixture = await makeFixture();
    await prepareDomain(fixture.options);
    const whole = await filesOf(fixture.folder);
    const beside = (state: string) => join(fixture.root, "data", `.agent.${state}`);
    // Stopped between the two renames: the new folder is complete but not in its place.
    await rename(fixture.folder, beside("partial"));
    await mkdir(beside("old"));
    expect((await prepareDomain(fixture.options)).outcome).toBe("kept");
    expect(await filesOf(fixture.folder)).toEqual(whole);
    // The old folder is all there is.
    await rename(fixture.folder, beside("old"));
    expect((await prepareDomain(fixture.options)).outcome).toBe("kept");
    expect(await readdir(join(fixture.root, "data"))).toEqual(["agent"]);
  });
});

describe("what prepare refuses", () => {
  it("is a folder that it did not write", async () => {
    await using fixture = await makeFixture();
    await mkdir(fixture.folder, { recursive: true });
    await writeFile(join(fixture.folder, "precious.txt"), "mine");
    await expect(prepareDomain(fixture.options)).rejects.toThrow(/did not write/);
    expect(await readdir(fixture.folder)).toEqual(["precious.txt"]);
    expect((await prepareDomain({ ...fixture.options, force: true })).outcome).toBe("written");
  });

  it("is a domain with an empty side", async () => {
    await using fixture = await makeFixture();
    const trained = TEXTS.filter((text) => !isHeldOut(text, CHOICES.heldOut)).slice(0, 3);
    await fixture.write(trained);
    await expect(prepareDomain(fixture.options)).rejects.toThrow(/held-out share/);
    await fixture.write(TEXTS.filter((text) => isHeldOut(text, CHOICES.heldOut)));
    await expect(prepareDomain(fixture.options)).rejects.toThrow(/no document to train on/);
    await fixture.write(trained);
    const { manifest } = await prepareDomain({ ...fixture.options, choices: { ...CHOICES, heldOut: 0 } });
    expect(manifest.shards.heldOut).toEqual([]);
  });
});
