import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { type InspectOptions, inspect } from "../../src/commands/inspect.js";
import { countingDocuments, HEADER, temporaryFolder, writeShard } from "../data/shards/shard-samples.js";

async function inspected(path: string, options: Partial<InspectOptions> = {}): Promise<string> {
  let text = "";
  const write = (part: string) => {
    text += part;
  };
  await inspect(path, { check: false, windows: 0, decode: null, json: false, ...options, write });
  return text;
}

describe("inspect", () => {
  it("prints the header, the counts and the shards of a folder", async () => {
    await using folder = await temporaryFolder();
    const { contentHash } = await writeShard(folder.file("a.arrow"), countingDocuments([30, 30, 20]), HEADER, 60);
    await writeShard(folder.file("b.arrow"), countingDocuments([20]), HEADER, 60);
    const lines = (await inspected(folder.path)).split("\n").map((line) => line.replace(/ +/g, " "));
    expect(lines).toContain("domain tools");
    expect(lines).toContain("tokenizer f00d");
    expect(lines).toContain("vocabulary 60000");
    expect(lines).toContain("end-of-text id 59999");
    expect(lines).toContain("documents 4");
    expect(lines).toContain("tokens 100");
    expect(lines).toContain("tokens per document 25.0");
    expect(lines).toContain("record batches 3, 33 tokens on average, 56 % of the largest");
    expect(lines).toContain(`${folder.file("a.arrow")} file uint16 no 3 80 ${contentHash.slice(0, 16)}`);
    expect(lines.some((line) => line.startsWith("checked"))).toBe(false);
  });

  it("counts the shards that it does not list", async () => {
    await using folder = await temporaryFolder();
    for (let i = 0; i < 22; i++)
      await writeShard(folder.file(`${String(i).padStart(2, "0")}.arrow`), countingDocuments([5]));
    const text = await inspected(folder.path);
    expect(text).toContain("19.arrow");
    expect(text).not.toContain("20.arrow");
    expect(text).toContain("and 2 more");
  });

  it("shows windows from the first token to the last, as ids without a decoder", async () => {
    await using folder = await temporaryFolder();
    const { path } = await writeShard(folder.file("a.arrow"), countingDocuments([100, 48]));
    const text = await inspected(path, { windows: 3 });
    const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i).join(" ");
    expect(text).toContain(`tokens 0 to 47, documents beginning at 0:\n  ${ids(0, 48)}\n`);
    expect(text).toContain(`tokens 50 to 97, documents beginning at none:\n  ${ids(50, 98)}\n`);
    expect(text).toContain(`tokens 100 to 147, documents beginning at 100:\n  ${ids(100, 147)} 59999\n`);
  });

  it("quotes decoded text, so that it cannot drive the terminal", async () => {
    await using folder = await temporaryFolder();
    const { path } = await writeShard(folder.file("a.arrow"), countingDocuments([3]));
    const text = await inspected(path, { windows: 1, decode: (ids) => `\u001b[2J${ids.length}\n` });
    expect(text).toContain('"\\u001b[2J3\\n"');
    expect(text).not.toContain("\u001b");
  });

  it("prints one JSON object when asked", async () => {
    await using folder = await temporaryFolder();
    const summary = await writeShard(folder.file("a.arrow"), countingDocuments([3, 4]), { ...HEADER, lossMask: true });
    const told: unknown = JSON.parse(
      await inspected(summary.path, { json: true, check: true, windows: 1, decode: () => "text" }),
    );
    expect(told).toMatchObject({ domain: "tools", documents: 2, tokens: 7, batches: 1, files: 1 });
    expect(told).toMatchObject({
      shards: [{ columns: ["input_ids", "loss_mask"], header: { contentHash: summary.contentHash } }],
    });
    expect(told).toMatchObject({
      windows: [{ start: 0, text: "text⟦text⟧text⟦text⟧text", documentStarts: [0, 3] }],
      checked: { documents: 2, tokens: 7 },
    });
  });

  it("checks from end to end when asked, and tells how far it is", async () => {
    await using folder = await temporaryFolder();
    const { path } = await writeShard(folder.file("a.arrow"), countingDocuments([30]));
    const seen: number[] = [];
    const text = await inspected(path, { check: true, progress: (done) => seen.push(done) });
    expect(text).toContain("checked 1 files, 1 documents, 30 tokens: no damage");
    expect(seen).toEqual([30]);
    const bytes = await readFile(path);
    bytes[bytes.lastIndexOf(Uint8Array.of(27, 0, 28, 0))] = 1;
    await writeFile(path, bytes);
    await expect(inspected(path, { check: true })).rejects.toThrow(UserError);
    expect(await inspected(path)).toContain("tokens               30");
  });

  it("says what it could not check of files without a header", async () => {
    const path = new URL("../golden/arrow/saved-int32", import.meta.url).pathname;
    const text = await inspected(path, { check: true });
    expect(text).toMatch(/domain +not stated/);
    expect(text).toContain("stream  int32");
    expect(text).toContain("3 without a header");
  });

  it("refuses what is not a shard", async () => {
    await using folder = await temporaryFolder();
    await expect(inspected(folder.path)).rejects.toThrow(UserError);
  });
});
