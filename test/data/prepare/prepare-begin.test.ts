/** How documents begin and end in the shards, and that a prompt of `generate` is such a beginning. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { prepareDomain } from "../../../src/data/prepare/prepare.js";
import { encodeTexts } from "../../../src/data/prepare/prepare-encode.js";
import { loadTokenizer, type Tokenizer } from "../../../src/data/tokenizer/tokenizer.js";
import { GOLDEN_FOLDER } from "../tokenizer/tokenizer-variants.js";
import { documentsOf, makeFixture, shardsOf, TEXTS } from "./prepare-fixture.js";

/** The committed tokenizer as if its documents began with one of its tokens, as Llama's do. */
async function beginning(folder: string): Promise<Tokenizer> {
  const file = JSON.parse(await readFile(join(GOLDEN_FOLDER, "tokenizer.json"), "utf8")) as Record<string, unknown>;
  const [begin] = file["added_tokens"] as readonly { readonly content: string; readonly id: number }[];
  const post_processor = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: begin.content, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { [begin.content]: { id: begin.content, ids: [begin.id], tokens: [begin.content] } },
  };
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify({ ...file, post_processor }));
  return loadTokenizer(join(folder, "tokenizer.json"));
}

describe("a document", () => {
  it("begins as the tokenizer's post-processor begins a text", async () => {
    await using fixture = await makeFixture();
    const tokenizer = await beginning(fixture.root);
    const begun = encodeTexts(tokenizer, ["one two"], "literal").ids;
    expect([...begun]).toEqual([tokenizer.beginOfText, ...tokenizer.encode("one two"), tokenizer.endOfText]);
    const plain = encodeTexts(fixture.options.tokenizer, ["one two"], "literal").ids;
    expect([...plain]).toEqual([...begun.slice(1)]);
  });

  it("that is rendered by a template has no token put before it", async () => {
    await using fixture = await makeFixture();
    const tokenizer = await beginning(fixture.root);
    const { ids } = encodeTexts(tokenizer, [{ text: "one", counted: [[0, 3]] }], "parse");
    expect([...ids]).toEqual([...tokenizer.encode("one"), tokenizer.endOfText]);
  });

  it("is written again when its tokenizer begins texts otherwise", async () => {
    await using fixture = await makeFixture();
    await prepareDomain(fixture.options);
    const before = await shardsOf(fixture.folder);
    const begun = { ...fixture.options, tokenizer: await beginning(fixture.root) };
    expect(begun.tokenizer.fingerprint).toBe(fixture.options.tokenizer.fingerprint);
    expect((await prepareDomain(begun)).outcome).toBe("written");
    expect(await shardsOf(fixture.folder)).not.toEqual(before);
  });

  it("does not end at the spelling of the end-of-text token", async () => {
    await using fixture = await makeFixture();
    const { tokenizer } = fixture.options;
    const spelt = `before ${tokenizer.tokenText(tokenizer.endOfText)} after`;
    await fixture.write([...TEXTS, spelt]);
    const { manifest } = await prepareDomain(fixture.options);
    expect(manifest.counts.withSpecialTexts).toBe(1);
    const sides = ["train", "held-out"].map((side) => documentsOf(join(fixture.folder, side), tokenizer.endOfText));
    const texts = (await Promise.all(sides)).flat().map((ids) => tokenizer.decode(ids));
    expect(texts).toHaveLength(TEXTS.length + 1);
    expect(texts).toContain(spelt);
  });
});
