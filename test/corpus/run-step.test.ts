import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { PartitionTask, Phase } from "../../src/corpus/step.js";
import { documentOf, runStep, type StepRun } from "./run-step.js";

function run(phases: readonly Phase[], partitions: readonly string[][], order?: number[]): Promise<StepRun> {
  const step = { name: "test", settings: null, version: 1, phases };
  const documents = partitions.map((texts) => texts.map((text) => documentOf(text)));
  return runStep(step, documents, order);
}

const each = (name: string, then: (task: PartitionTask) => Promise<void>): Phase => ({
  name,
  each: "partition",
  run: then,
});

it("runs phases over files, and gives what was kept, dropped and counted", async () => {
  const count = each("count", async (task) => {
    let characters = 0;
    for await (const { text } of task.documents()) characters += text.length;
    writeFileSync(task.path("characters"), `${characters}`);
  });
  const decide: Phase = {
    name: "decide",
    each: "corpus",
    run: async (task) => {
      const read = (partition: number) => Number(readFileSync(task.partitionFile("count", partition, "characters")));
      writeFileSync(task.path("mean"), `${(read(0) + read(1)) / 3}`);
    },
  };
  const apply = each("apply", async (task) => {
    const mean = Number(readFileSync(task.mergedFile("decide", "mean")));
    for await (const document of task.documents())
      if (document.text.length < mean) task.drop(document, "short", `mean ${mean}`);
      else task.keep({ ...document, text: document.text.toUpperCase() });
    task.count("partitions");
  });
  const { kept, dropped, counts } = await run([count, decide, apply], [["a", "abcd"], ["abcd"]], [1, 0]);
  expect(kept.map((list) => list.map(({ text }) => text))).toEqual([["ABCD"], ["ABCD"]]);
  expect(dropped).toEqual([[{ document: documentOf("a"), reason: "short", detail: "mean 3" }], []]);
  expect(counts).toEqual({ partitions: 2 });
});

it("refuses what the runner refuses", async () => {
  const forgetful = each("forgetful", async () => {});
  await expect(run([forgetful], [["a"]])).rejects.toThrow("does not settle a");
  const disordered = each("disordered", async (task) => {
    task.keep(documentOf("b"));
  });
  await expect(run([disordered], [["a", "b"]])).rejects.toThrow("settles b where a is due");
  const hasty = each("hasty", async (task) => {
    task.mergedFile("later", "file");
  });
  await expect(run([hasty], [["a"]])).rejects.toThrow("has not ended");
});
