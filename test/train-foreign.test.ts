/** Shards that another program wrote train like our own: folders of `datasets.save_to_disk` and Arrow files of pyarrow (test/golden/arrow). */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Field, Int32, List, Table, tableToIPC, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Plan } from "../src/config/plan.js";
import { train } from "../src/train.js";
import { captured, makeProject, type Project } from "./end-to-end/project.js";

const GOLDEN = join(process.cwd(), "test", "golden", "arrow");

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(async () => project[Symbol.asyncDispose]());

function planOn(shards: string, run: string, ...overrides: string[]): Promise<Plan> {
  return project.plan(
    `run=${run}`,
    "data.tokenizer={ file: data/tokenizer.json }",
    `data.domains={ foreign: { shards: ${resolve(GOLDEN, shards)} } }`,
    "stages[0].mixture={ foreign: 1 }",
    "stages[0].steps=6",
    "stages[0].schedule={ kind: constant, peak: 1e-2 }",
    "stages[0].maxEpochs={ foreign: null }",
    "stages[1].mixture={ foreign: 1 }",
    "stages[1].maxEpochs={ foreign: null }",
    ...overrides,
  );
}

async function lossesOn(shards: string): Promise<number[]> {
  const plan = await planOn(shards, shards);
  await train(plan, { resume: null, stop: { requested: false }, progress: captured() });
  const lines = readFileSync(join(plan.runFolder, "log.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line)).flatMap(({ event, loss }) => (event === "step" ? [loss] : []));
}

describe("foreign shards", () => {
  it("give the same losses whoever wrote the same tokens, in whatever width and format", async () => {
    const saved = await lossesOn("saved-int32");
    expect(saved).toHaveLength(14);
    expect(saved[13]).toBeLessThan(saved[0]);
    for (const shards of ["saved-int64", "stream-int64.arrow", "file-uint16.arrow", "file-large-list.arrow"])
      expect(await lossesOn(shards)).toEqual(saved);
  });

  it("whose ids are beyond the tokenizer's vocabulary are refused, naming the token and the file", async () => {
    const path = join(project.folder, "beyond.arrow");
    const ids = vectorFromArray(
      [[1, 2, 3], Array.from({ length: 80 }, (_, i) => 260 + i)],
      new List(new Field("item", new Int32())),
    );
    await writeFile(path, tableToIPC(new Table({ input_ids: ids }), "file"));
    const plan = await planOn(path, "beyond");
    const run = train(plan, { resume: null, stop: { requested: false }, progress: captured() });
    await expect(run).rejects.toThrow(
      /beyond\.arrow: token \d+ is outside the tokenizer's vocabulary[\s\S]*expected: 0 to 299/,
    );
  });
});
