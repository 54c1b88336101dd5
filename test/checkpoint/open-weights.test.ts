/** Folders that other programs wrote: which of their tensors count, and what is refused. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { openWeights } from "../../src/checkpoint/load.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { fromHuggingFaceConfig } from "../../src/model/hugging-face.js";
import { EMBEDDING, HEAD, parameterTable } from "../../src/model/parameters.js";
import { CONFIG, comparable, contentOf, newFolder, wholeTensors } from "./content.js";

const TABLE = parameterTable(fromHuggingFaceConfig(CONFIG));
const UNTIED = { ...CONFIG, tie_word_embeddings: false };

interface Given {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype?: "F32" | "BF16" | "F16" | "I64";
  readonly fill?: number;
}

const BYTES = { F32: 4, BF16: 2, F16: 2, I64: 8 };

/** A safetensors file by the format's description, independent of our writer. Every byte of a tensor is `fill`. */
function fileOf(tensors: readonly Given[]): Buffer {
  let end = 0;
  const parts: Buffer[] = [];
  const header: Record<string, unknown> = {};
  for (const { name, shape, dtype = "F32", fill = 1 } of tensors) {
    const bytes = shape.reduce((a, b) => a * b, BYTES[dtype]);
    header[name] = { dtype, shape, data_offsets: [end, end + bytes] };
    parts.push(Buffer.alloc(bytes, fill));
    end += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}

function folderOf(files: Readonly<Record<string, readonly Given[]>>, config: unknown = CONFIG): string {
  const folder = newFolder();
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  for (const [name, tensors] of Object.entries(files)) writeFileSync(join(folder, name), fileOf(tensors));
  return folder;
}

function writeIndex(folder: string, map: unknown): void {
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: map }));
}

const one = (tensors: readonly Given[], config?: unknown) => folderOf({ "model.safetensors": tensors }, config);
const changed = (name: string, change: Partial<Given>) =>
  TABLE.map((given) => (given.name === name ? { ...given, ...change } : given));

async function problemsOf(folder: string): Promise<string[]> {
  const error: unknown = await openWeights(folder).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error === null) return [];
  expect(error).toBeInstanceOf(UserError);
  return error instanceof UserError ? error.problems.map(({ what }) => what) : [];
}

describe("a folder of one file", () => {
  it("gives the architecture and every weight, in the order of the file", async () => {
    const open = await openWeights(one([...TABLE].reverse()));
    expect(open.architecture).toMatchObject({ width: 8, vocabulary: 16, kvHeads: 1, tied: true });
    const tensors = await wholeTensors(open.weights());
    expect(tensors.map(({ name, kind, shape }) => ({ name, kind, shape }))).toEqual(
      [...TABLE].reverse().map(({ name, shape }) => ({ name, kind: "weight", shape })),
    );
    const bits = new Float32Array(Uint32Array.of(0x01010101).buffer)[0];
    for (const { data } of tensors) expect(data.every((value) => value === bits)).toBe(true);
    expect(open.notes).toEqual([]);
  });

  it("may keep each tensor in another type of float", async () => {
    const types = ["F32", "BF16", "F16"] as const;
    const open = await openWeights(one(TABLE.map((given, index) => ({ ...given, dtype: types[index % 3] }))));
    // 0x0101 in F16 is subnormal: 257 · 2^−24.
    const values = [new Float32Array(Uint32Array.of(0x01010101).buffer)[0]];
    values.push(new Float32Array(Uint32Array.of(0x01010000).buffer)[0], 257 * 2 ** -24);
    for (const [index, { data }] of (await wholeTensors(open.weights())).entries())
      expect(data.every((value) => value === values[index % 3])).toBe(true);
  });

  it("of an old Llama has frequencies of RoPE, which do not count", async () => {
    const extra = [0, 1].map((layer) => ({ name: `model.layers.${layer}.self_attn.rotary_emb.inv_freq`, shape: [2] }));
    const { notes, weights } = await openWeights(one([...TABLE, ...extra]));
    expect(notes).toEqual(["2 tensors rotary_emb.inv_freq, which follow from config.json"]);
    expect([...weights()]).toHaveLength(TABLE.length);
  });

  it("of tied embeddings may have the head too when it is the same, or in the embedding's place", async () => {
    const head = { name: HEAD, shape: [16, 8] };
    const { notes, weights } = await openWeights(one([...TABLE, head]));
    expect(notes).toEqual(["lm_head.weight, which is the embedding again (tied)"]);
    expect([...weights()]).toHaveLength(TABLE.length);
    const instead = await openWeights(one([...TABLE.slice(1), head]));
    expect([...instead.weights()].map(({ name }) => name)).toContain(EMBEDDING);
    const differs = one([...TABLE, { ...head, fill: 2 }]);
    expect(await problemsOf(differs)).toEqual([
      "config.json ties the embeddings, but lm_head.weight is not model.embed_tokens.weight",
    ]);
  });

  it("is refused with every tensor that is missing, unknown, misshapen or no float", async () => {
    const norm = "model.norm.weight";
    expect(await problemsOf(one(TABLE.slice(1, -1)))).toEqual([`weights are missing: ${EMBEDDING}, ${norm}`]);
    expect(await problemsOf(one(TABLE, UNTIED))).toEqual([`weights are missing: ${HEAD}`]);
    const strange = { name: "model.layers.0.self_attn.q_proj.bias", shape: [8] };
    expect(await problemsOf(one([...TABLE, strange]))).toEqual([
      `tensors that this architecture does not have: ${strange.name}`,
    ]);
    expect(await problemsOf(one(changed(norm, { shape: [9] })))).toEqual([
      `tensor "${norm}" has another shape than config.json says`,
    ]);
    expect(await problemsOf(one(changed(norm, { dtype: "I64" })))).toEqual([
      `tensor "${norm}" cannot be read as float32 numbers`,
    ]);
    expect(await problemsOf(one([strange]))).toHaveLength(2);
  });

  it("has a fingerprint of its configuration and its tensors' names, shapes, types and sizes", async () => {
    const prints = [
      one(TABLE),
      one(TABLE, { ...CONFIG, use_cache: false }),
      one(changed("model.norm.weight", { dtype: "BF16" })),
      one([...TABLE].reverse()),
    ].map(async (folder) => (await openWeights(folder)).fingerprint);
    expect(new Set(await Promise.all(prints)).size).toBe(prints.length);
    expect((await openWeights(one(TABLE))).fingerprint).toBe(await prints[0]);
  });

  it("says what is missing: weights, configuration, the folder", async () => {
    const folder = folderOf({});
    expect(await problemsOf(folder)).toEqual(["no weights in this folder"]);
    await expect(openWeights(join(folder, "absent"))).rejects.toThrow(/absent\/config.json: this file is missing/);
    expect(existsSync(join(folder, "absent"))).toBe(false);
  });

  it("that a run of ours wrote is opened only when it is whole", async () => {
    const weights = (await wholeTensors((await openWeights(one(TABLE))).weights())).map((tensor, index) => ({
      ...tensor,
      data: tensor.data.map((_, at) => index + at / 8),
    }));
    const folder = await saveCheckpoint(newFolder(), { ...contentOf(4), weights });
    const found = await wholeTensors((await openWeights(folder)).weights());
    expect(found.map(comparable)).toEqual(weights.map(comparable));
    const path = join(folder, "model.safetensors");
    const bytes = readFileSync(path);
    bytes[2000] ^= 1;
    writeFileSync(path, bytes);
    await expect(openWeights(folder)).rejects.toThrow(/altered/);
  });
});

describe("a folder of several files", () => {
  const split = { "a-1.safetensors": TABLE.slice(0, 3), "a-2.safetensors": TABLE.slice(3) };
  const placesOf = (files: Readonly<Record<string, readonly Given[]>>) =>
    Object.fromEntries(Object.entries(files).flatMap(([file, tensors]) => tensors.map(({ name }) => [name, file])));

  it("gives the weights of all of them", async () => {
    const folder = folderOf(split);
    writeIndex(folder, placesOf(split));
    expect([...(await openWeights(folder)).weights()].map(({ name }) => name)).toEqual(TABLE.map(({ name }) => name));
  });

  it("is refused when its index points outside, at nothing, or at missing files", async () => {
    const folder = folderOf(split);
    for (const map of [{ a: "../x.safetensors" }, { a: 1 }, {}, null, []]) {
      writeIndex(folder, map);
      expect(await problemsOf(folder)).toEqual(["weight_map does not map tensors to files of this folder"]);
    }
    writeIndex(folder, { ...placesOf(split), x: "x.safetensors", y: "y.safetensors" });
    expect(await problemsOf(folder)).toEqual(["this file is missing", "this file is missing"]);
  });

  it("is refused when index and files disagree: another file, no file, not listed, twice", async () => {
    const folder = folderOf({ ...split, "b.safetensors": TABLE.slice(0, 1) });
    const places = placesOf(split);
    const [first] = TABLE.map(({ name }) => name);
    const { [first]: _, ...without } = places;
    const outcomes: readonly [Record<string, string>, string][] = [
      [{ ...places, [first]: "a-2.safetensors" }, `tensor "${first}" is in another file than the index says`],
      [{ ...places, x: "a-1.safetensors" }, 'tensor "x" is in no file'],
      [without, `tensor "${first}" is in another file than the index says`],
      [{ ...places, x: "b.safetensors" }, `tensor "${first}" is in two files`],
    ];
    for (const [map, what] of outcomes) {
      writeIndex(folder, map);
      expect(await problemsOf(folder)).toContain(what);
    }
  });

  it("never crashes and never gives other weights, whatever the index holds", async () => {
    const folder = folderOf(split);
    const names = TABLE.map(({ name }) => name);
    const file = fc.constantFrom<unknown>("a-1.safetensors", "a-2.safetensors", "", "..", "config.json", 1, null);
    const changes = fc.dictionary(fc.constantFrom(...names, "x", "__proto__"), file, { maxKeys: 2 });
    const map = fc.oneof(
      { weight: 3, arbitrary: changes.map((change) => ({ ...placesOf(split), ...change })) },
      { weight: 1, arbitrary: fc.jsonValue() },
    );
    let opened = 0;
    await fc.assert(
      fc.asyncProperty(map, async (value) => {
        writeIndex(folder, value);
        if ((await problemsOf(folder)).length > 0) return;
        opened++;
        expect([...(await openWeights(folder)).weights()].map(({ name }) => name)).toEqual(names);
      }),
      { numRuns: 150 },
    );
    expect(opened).toBeGreaterThan(0);
  });
});
