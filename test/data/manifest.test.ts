import { mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { sha256 } from "../../src/base/fingerprint.js";
import {
  describeInputs,
  MANIFEST_VERSION,
  type Manifest,
  readManifest,
  recipeKey,
  shardsStand,
} from "../../src/data/prepare/manifest.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "manifest-"));
});
afterAll(() => rm(folder, { recursive: true }));

const SHARD = { path: "train/part-00000.arrow", bytes: 5, documents: 1, tokens: 2, contentHash: "00" };
const MANIFEST: Manifest = {
  version: MANIFEST_VERSION,
  key: "key",
  domain: "agent",
  inputs: [{ path: "agent.jsonl", bytes: 3, modified: 1000, sha256: "aa" }],
  tokenizer: { fingerprint: "ff", vocabulary: 300, endOfText: 0, beginOfText: null },
  choices: { heldOut: 0.1, skipInvalid: 0, shardTokens: 100, specialTokens: "literal" },
  shards: { train: [SHARD], heldOut: [] },
  counts: {
    documents: 1,
    heldOutDocuments: 0,
    bytes: 3,
    tokens: 2,
    heldOutTokens: 0,
    duplicates: 0,
    withSpecialTexts: 0,
    rejected: 0,
    rejectedExamples: [],
  },
};

describe("the inputs", () => {
  it("are described by size, time and hash, relative to the data folder", async () => {
    const path = join(folder, "documents.jsonl");
    await writeFile(path, "text");
    const [input] = await describeInputs([path], join(folder, "data"), []);
    const { mtimeMs } = await stat(path);
    expect(input).toEqual({ path: "../documents.jsonl", bytes: 4, modified: mtimeMs, sha256: sha256("text") });
  });

  it("are hashed again only when size or time changed", async () => {
    const path = join(folder, "again.jsonl");
    await writeFile(path, "text");
    const [first] = await describeInputs([path], folder, []);
    const known = [{ ...first, sha256: "known" }];
    expect((await describeInputs([path], folder, known))[0].sha256).toBe("known");
    await utimes(path, 5, 5);
    expect((await describeInputs([path], folder, known))[0].sha256).toBe(sha256("text"));
    await writeFile(path, "other text");
    expect((await describeInputs([path], folder, known))[0].sha256).toBe(sha256("other text"));
  });

  it("must exist", async () => {
    await expect(describeInputs([join(folder, "absent.jsonl")], folder, [])).rejects.toThrow(UserError);
  });
});

describe("the key", () => {
  const key = (changed: Partial<Manifest>): string => recipeKey({ ...MANIFEST, ...changed });

  it("follows everything that decides the shards", () => {
    const [input] = MANIFEST.inputs;
    const changes: Partial<Manifest>[] = [
      {},
      { domain: "text" },
      { inputs: [{ ...input, sha256: "bb" }] },
      { inputs: [{ ...input, path: "other.jsonl" }] },
      { inputs: [] },
      { tokenizer: { ...MANIFEST.tokenizer, fingerprint: "ee" } },
      { tokenizer: { ...MANIFEST.tokenizer, endOfText: 1 } },
      { choices: { ...MANIFEST.choices, heldOut: 0.2 } },
      { choices: { ...MANIFEST.choices, shardTokens: 101 } },
      { choices: { ...MANIFEST.choices, specialTokens: "parse" } },
    ];
    expect(new Set(changes.map(key)).size).toBe(changes.length);
  });

  it("does not follow the time of a file", () => {
    expect(key({ inputs: [{ ...MANIFEST.inputs[0], modified: 2000 }] })).toBe(key({}));
  });
});

describe("the manifest", () => {
  it("comes back as it was written, or is absent", async () => {
    const path = join(folder, "manifest.json");
    expect(await readManifest(path)).toBeNull();
    await writeFile(path, JSON.stringify(MANIFEST));
    expect(await readManifest(path)).toEqual(MANIFEST);
  });

  const broken: [string, unknown][] = [
    ["empty", ""],
    ["cut off", JSON.stringify(MANIFEST).slice(0, 100)],
    ["null", null],
    ["of another version", { ...MANIFEST, version: 2 }],
    ["without shards", { ...MANIFEST, shards: undefined }],
    ["with a shard that is text", { ...MANIFEST, shards: { train: ["x"], heldOut: [] } }],
    ["with one side", { ...MANIFEST, shards: { train: [] } }],
    ["without counts", { ...MANIFEST, counts: {} }],
    ["with inputs that are no files", { ...MANIFEST, inputs: [{}] }],
  ];
  it.each(broken)("is refused when it is %s", async (name, content) => {
    const path = join(folder, `${name}.json`);
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    await expect(readManifest(path)).rejects.toThrow(UserError);
  });
});

describe("the shards", () => {
  it("stand when every file has its size", async () => {
    expect(await shardsStand(folder, MANIFEST.shards)).toBe(false);
    await writeFile(join(folder, "shard.arrow"), "12345");
    const shards = { train: [{ ...SHARD, path: "shard.arrow" }], heldOut: [] };
    expect(await shardsStand(folder, shards)).toBe(true);
    expect(await shardsStand(folder, { train: [], heldOut: [{ ...SHARD, path: "shard.arrow", bytes: 6 }] })).toBe(
      false,
    );
  });
});
