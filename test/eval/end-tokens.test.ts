import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endTokensOf } from "../../src/eval/end-tokens.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hephaestus-"));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

describe("endTokensOf", () => {
  const ends = async () => [...(await endTokensOf(folder, { endOfText: 7 }))];

  it("adds a number or a list to the tokenizer's; the generation's file counts before the model's", async () => {
    expect(await ends()).toEqual([7]);
    await writeFile(join(folder, "config.json"), '{ "eos_token_id": 2 }');
    expect(await ends()).toEqual([7, 2]);
    await writeFile(join(folder, "generation_config.json"), "{}");
    expect(await ends()).toEqual([7, 2]);
    await writeFile(join(folder, "generation_config.json"), '{ "eos_token_id": [3, 7, 4] }');
    expect(await ends()).toEqual([7, 3, 4]);
  });

  it.each(['"</s>"', "-1", "[1, 2.5]", "[[1]]", "1e300"])("refuses %s", async (value) => {
    await writeFile(join(folder, "generation_config.json"), `{ "eos_token_id": ${value} }`);
    await expect(ends()).rejects.toThrow(/eos_token_id.*no token id/);
  });
});
