import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { tokenizerJson, trainBpe } from "../../../src/data/tokenizer/bpe-train.js";
import { extendTokenizer } from "../../../src/data/tokenizer/extend-tokenizer.js";
import { loadTokenizer } from "../../../src/data/tokenizer/tokenizer.js";

describe("a tokenizer with new tokens", () => {
  let json: unknown;
  let base: string;
  let path: string;
  beforeAll(async () => {
    json = tokenizerJson(await trainBpe(["call the function, then the next function"], { vocabulary: 264 }));
  });
  beforeEach(() => {
    const folder = mkdtempSync(join(tmpdir(), "extend-"));
    for (const name of ["base", "data"]) mkdirSync(join(folder, name));
    base = join(folder, "base", "tokenizer.json");
    path = join(folder, "data", "tokenizer.json");
    writeFileSync(base, JSON.stringify(json));
  });
  const beside = (file: string, name: string) => join(file, "..", name);

  it("finds them in text, from the first free id on, and leaves all other text as it was", async () => {
    const before = await loadTokenizer(base);
    await extendTokenizer(base, { tokens: ["<|call|>", "<|result|>"], special: true }, path);
    const after = await loadTokenizer(path);
    expect(after.vocabulary).toBe(before.vocabulary + 2);
    const text = "the function <|call|> next<|result|>";
    const [head, middle] = ["the function ", " next"].map((part) => [...before.encode(part)]);
    expect([...after.encode(text, { specialTokens: "parse" })]).toEqual([
      ...head,
      before.vocabulary,
      ...middle,
      before.vocabulary + 1,
    ]);
    expect([...after.encode("call the next")]).toEqual([...before.encode("call the next")]);
  });

  it("has the settings beside it, with the new tokens, and the files that do not change", async () => {
    const settings = { eos_token: "</s>", added_tokens_decoder: { "0": { content: "x" } } };
    writeFileSync(beside(base, "tokenizer_config.json"), JSON.stringify(settings));
    writeFileSync(beside(base, "chat_template.jinja"), "{{ messages[0].content }}");
    const { vocabulary } = await loadTokenizer(base);
    await extendTokenizer(base, { tokens: ["<tool>"], special: false }, path);
    const written = JSON.parse(readFileSync(beside(path, "tokenizer_config.json"), "utf8"));
    expect(written.eos_token).toBe("</s>");
    expect(Object.keys(written.added_tokens_decoder)).toEqual(["0", String(vocabulary)]);
    expect(written.added_tokens_decoder[vocabulary]).toMatchObject({ content: "<tool>", special: false });
    expect(readFileSync(beside(path, "chat_template.jinja"), "utf8")).toBe("{{ messages[0].content }}");
    rmSync(beside(base, "chat_template.jinja"));
    await extendTokenizer(base, { tokens: ["<tool>"], special: false }, path);
    expect(existsSync(beside(path, "chat_template.jinja"))).toBe(false);
  });

  it("refuses tokens that are there already, all of them by name", async () => {
    const { vocabulary } = await loadTokenizer(base);
    await extendTokenizer(base, { tokens: ["<a>", "<b>"], special: true }, path);
    const again = extendTokenizer(path, { tokens: ["<b>", "<c>", "<a>"], special: true }, join(path, "..", "two.json"));
    await expect(again).rejects.toThrow(UserError);
    await expect(again).rejects.toThrow(
      new RegExp(`"<b>"[\\s\\S]*id ${vocabulary + 1}[\\s\\S]*"<a>"[\\s\\S]*id ${vocabulary}`),
    );
  });
});
