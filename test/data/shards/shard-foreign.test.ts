/** Reads files that pyarrow and `datasets` wrote: scripts/golden/arrow.py makes them and says what they hold. */
import { copyFile, mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { checkShard } from "../../../src/data/shards/shard-check.js";
import { openTokenStream } from "../../../src/data/shards/token-stream.js";
import { readAll, temporaryFolder } from "./shard-samples.js";

const GOLDEN = fileURLToPath(new URL("../../golden/arrow", import.meta.url));
const DOCUMENTS = 40;
const lengths = Array.from({ length: DOCUMENTS }, (_, document) => 1 + ((document * 5) % 9));
const TOKENS = lengths.reduce((sum, length) => sum + length, 0);
const starts = Int32Array.from(lengths.keys(), (document) =>
  lengths.slice(0, document).reduce((sum, length) => sum + length, 0),
);
const counting = Int32Array.from({ length: TOKENS }, (_, token) => token);

const READABLE = [
  "file-int32.arrow",
  "stream-int32.arrow",
  "file-uint16.arrow",
  "file-uint32.arrow",
  "stream-int64.arrow",
  "file-large-list.arrow",
  "file-metadata-v4.arrow",
  "saved-int32",
  "saved-int64",
  "saved-splits/train",
];

describe("files of pyarrow and datasets", () => {
  it.each(READABLE)("reads %s", async (name) => {
    await using stream = await openTokenStream(join(GOLDEN, name));
    expect(stream).toMatchObject({
      tokens: TOKENS,
      documents: DOCUMENTS,
      domain: null,
      tokenizer: null,
      vocabulary: null,
    });
    expect(await stream.read(0, TOKENS)).toEqual({ ids: counting, lossMask: null, documentStarts: starts });
    for (let start = 0; start < TOKENS; start++)
      expect((await stream.read(start, Math.min(11, TOKENS - start))).ids).toEqual(counting.slice(start, start + 11));
    expect(await checkShard(join(GOLDEN, name))).toMatchObject({ tokens: TOKENS, documents: DOCUMENTS });
  });

  it.each(["file-many-columns.arrow", "stream-many-columns.arrow"])(
    "finds the two columns among the others of %s",
    async (name) => {
      const mask = Uint8Array.from(counting, (token) => token % 2);
      expect(await readAll(join(GOLDEN, name))).toEqual({ ids: counting, lossMask: mask, documentStarts: starts });
    },
  );

  it("gives rows without tokens no start", async () => {
    const path = join(GOLDEN, "file-empty-rows.arrow");
    await using stream = await openTokenStream(path);
    expect(stream.documents).toBe(2 * DOCUMENTS);
    expect(await stream.read(0, TOKENS)).toEqual({ ids: counting, lossMask: null, documentStarts: starts });
    expect(await checkShard(path)).toMatchObject({ tokens: TOKENS, documents: 2 * DOCUMENTS });
  });

  it.each([
    ["bad-lz4.arrow", "compressed"],
    ["bad-zstd.arrow", "compressed"],
    ["bad-null-rows.arrow", "holds nulls"],
    ["bad-null-values.arrow", "holds nulls"],
    ["bad-no-rows.arrow", "has no tokens"],
    ["bad-only-empty-rows.arrow", "has no tokens"],
    ["bad-no-ids.arrow", "no column of token ids"],
    ["bad-floats.arrow", "type that is not read"],
    ["bad-flat.arrow", "type that is not read"],
    ["bad-fixed-list.arrow", "type that is not read"],
    ["bad-booleans.arrow", "type that is not read"],
    ["bad-mask-total.arrow", "different lengths"],
    ["saved-splits", "name one of its folders"],
  ])("refuses to open %s", async (name, reason) => {
    const error: unknown = await openTokenStream(join(GOLDEN, name)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toContain(reason);
    expect(String(error)).toContain(name);
  });

  it.each([
    ["bad-negative.arrow", "row 17", "got: -100"],
    ["bad-above-int32.arrow", "row 17", "got: 2147483653"],
    ["bad-above-uint32.arrow", "row 17", "got: 4294967301"],
    ["bad-mask-values.arrow", "row 1", "got: 2"],
    ["bad-mask-lengths.arrow", "row 0", "different lengths"],
  ])("refuses to read %s, naming the row", async (name, row, reason) => {
    const path = join(GOLDEN, name);
    for (const attempt of [readAll, checkShard]) {
      const error: unknown = await attempt(path).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect(String(error)).toContain(row);
      expect(String(error)).toContain(reason);
    }
  });

  it("still reads windows that end before the damage", async () => {
    await using stream = await openTokenStream(join(GOLDEN, "bad-negative.arrow"));
    expect((await stream.read(0, starts[17])).ids).toEqual(counting.slice(0, starts[17]));
  });

  it("leaves out values before the first list offset and after the last", async () => {
    await using folder = await temporaryFolder();
    const bytes = await readFile(join(GOLDEN, "file-int32.arrow"));
    const at = bytes.indexOf(new Uint8Array(Int32Array.of(0, 1, 7, 9, 16, 19, 27, 31).buffer));
    bytes.writeInt32LE(1, at);
    bytes.writeInt32LE(30, at + 28);
    await writeFile(folder.file("a.arrow"), bytes);
    const { ids, documentStarts } = await readAll(folder.file("a.arrow"));
    expect(ids).toEqual(counting.filter((token) => token !== 0 && token !== 30));
    expect(documentStarts.slice(0, 7)).toEqual(Int32Array.of(0, 6, 8, 15, 18, 26, 29));
  });

  it("sees a token changed in place through the fingerprint", async () => {
    await using folder = await temporaryFolder();
    const fingerprint = async () => {
      await using stream = await openTokenStream(folder.path);
      return stream.fingerprint;
    };
    const path = folder.file("a.arrow");
    const bytes = await readFile(join(GOLDEN, "stream-int64.arrow"));
    await writeFile(path, bytes);
    const before = await fingerprint();
    expect(await fingerprint()).toBe(before);
    const token = Buffer.alloc(24);
    token.writeBigInt64LE(100n);
    token.writeBigInt64LE(101n, 8);
    token.writeBigInt64LE(102n, 16);
    bytes[bytes.indexOf(token)] = 7;
    await writeFile(path, bytes);
    expect(await fingerprint()).not.toBe(before);
  });
});

describe("a folder of datasets.save_to_disk", () => {
  async function withState(state: unknown): Promise<string> {
    await using folder = await temporaryFolder();
    await writeFile(folder.file("state.json"), typeof state === "string" ? state : JSON.stringify(state));
    await copyFile(join(GOLDEN, "stream-int32.arrow"), folder.file("data.arrow"));
    return await openTokenStream(folder.path).then(
      async (stream) => {
        await stream[Symbol.asyncDispose]();
        return `${stream.tokens} tokens`;
      },
      (error: unknown) => {
        expect(error).toBeInstanceOf(UserError);
        return String(error);
      },
    );
  }

  it("takes the files that state.json lists, in its order", async () => {
    await using folder = await temporaryFolder();
    const names = (await readdir(join(GOLDEN, "saved-int32"))).filter((name) => name.endsWith(".arrow"));
    for (const name of names) await copyFile(join(GOLDEN, "saved-int32", name), folder.file(name));
    const files = [...names].sort().reverse();
    await writeFile(
      folder.file("state.json"),
      JSON.stringify({ _data_files: files.map((filename) => ({ filename })) }),
    );
    const { ids } = await readAll(folder.path);
    expect(ids).toHaveLength(TOKENS);
    expect(ids[0]).not.toBe(0);
    expect(new Set(ids).size).toBe(TOKENS);
  });

  it.each([
    ["no list", {}],
    ["a path out of the folder", { _data_files: [{ filename: "../data.arrow" }] }],
    ["a name that is not text", { _data_files: [{ filename: 3 }] }],
    ["an entry that is not an object", { _data_files: [null] }],
    [
      "a selection of rows",
      { _data_files: [{ filename: "data.arrow" }], _indices_data_files: [{ filename: "indices.arrow" }] },
    ],
    ["a list", []],
    ["a null", "null"],
    ["broken JSON", "{"],
  ])("refuses a state.json with %s", async (_, state) => {
    expect(await withState(state)).toContain("state.json");
  });

  it("reads one that is in order", async () => {
    expect(await withState({ _data_files: [{ filename: "data.arrow" }] })).toBe(`${TOKENS} tokens`);
    expect(await withState({ _data_files: [{ filename: "absent.arrow" }] })).toContain("ENOENT");
    expect(await withState({ _data_files: [] })).toContain("no shards");
  });

  it("refuses a folder that pretends to be a file", async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file("a.arrow"));
    await expect(openTokenStream(folder.path)).rejects.toThrow(UserError);
  });

  it("refuses a stream without its end mark, which may have been cut off between record batches", async () => {
    await using folder = await temporaryFolder();
    const path = folder.file("a.arrow");
    await copyFile(join(GOLDEN, "stream-int32.arrow"), path);
    const file = await open(path, "r+");
    const { size } = await file.stat();
    await file.truncate(size - 8);
    await file.close();
    await expect(openTokenStream(path)).rejects.toThrow("end-of-stream");
  });
});
