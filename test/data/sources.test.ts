import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { openSources } from "../../src/data/sources.js";
import { makeProject, type Project } from "../end-to-end/project.js";

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(async () => project[Symbol.asyncDispose]());

async function problems(...overrides: string[]): Promise<string> {
  const { data } = await project.plan(...overrides);
  try {
    await using _ = await openSources(data);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return "";
}

describe("openSources", () => {
  it("opens tokenizer, training and held-out shards of every domain, in the plan's order", async () => {
    await using sources = await openSources((await project.plan()).data);
    expect(sources.domains.map(({ name }) => name)).toEqual(["agent", "text", "code"]);
    for (const { train, heldOut } of sources.domains) {
      expect(train.tokens).toBeGreaterThan(heldOut?.tokens ?? 0);
      expect(train.tokenizer).toBe(sources.tokenizer.fingerprint);
    }
  });

  it("says to prepare first when the tokenizer is not there", async () => {
    expect(await problems("data.folder=elsewhere")).toMatch(/tokenizer is not there yet[\s\S]*hephaestus prepare/);
  });

  it("refuses a tokenizer of another size than the plan says", async () => {
    const file = (await project.plan()).data.tokenizer.path;
    const message = await problems(`data.tokenizer={ file: ${file}, vocabulary: 301 }`);
    expect(message).toMatch(
      /another number of entries[\s\S]*expected: 301 \(`data\.tokenizer\.vocabulary`\)\n {2}got: 300/,
    );
    expect(await problems(`data.tokenizer={ file: ${file}, vocabulary: 300 }`)).toBe("");
  });

  it("reports every missing shard at once", async () => {
    const message = await problems(
      "data.tokenizer={ file: data/tokenizer.json }",
      "data.domains={ a: { shards: nowhere/a }, b: { shards: nowhere/b } }",
      "stages[0].mixture={ a: 1, b: 1 }",
      "stages[1].mixture={ a: 1, b: 1 }",
    );
    expect(message).toMatch(/nowhere\/a: domain a has no shards here[\s\S]*nowhere\/b: domain b has no shards here/);
  });

  it("refuses shards of another tokenizer, naming both fingerprints", async () => {
    const other = join(project.folder, "other");
    await cp(join(project.folder, "data"), other, { recursive: true });
    const path = join(other, "tokenizer.json");
    const tokenizer = JSON.parse(await readFile(path, "utf8"));
    tokenizer.model.merges.pop();
    await writeFile(path, JSON.stringify(tokenizer));
    expect(await problems("data.tokenizer={ file: other/tokenizer.json }")).toMatch(/written with another tokenizer/);
    await rm(other, { recursive: true });
  });
});
