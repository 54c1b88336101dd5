/** A forge of three small steps over numbers: enough to see what the runner does with tasks, files and kills. */
import { readFile, writeFile } from "node:fs/promises";
import { type Part, type PhaseOutcome, runForge } from "../../../src/corpus/forge/run.js";
import { OwnThread } from "../../../src/corpus/forge/task-pool.js";
import { type PlacedPhase, placePhases } from "../../../src/corpus/forge/tasks.js";
import type { Step } from "../../../src/corpus/step.js";
import { documentOf } from "../run-step.js";

export const PARTITIONS = 5;
const DOCUMENTS = 7;

/** Hears of every task that begins; may throw to end it there. */
export type Watch = (task: string) => void;

/** Reads numbered documents; drops those below the mean of all lengths; writes what is left in capitals. */
export function numberSteps(watch: Watch = () => {}, settings: { readonly word?: string } = {}): Step[] {
  const { word = "word" } = settings;
  return [
    {
      name: "sources",
      version: 1,
      settings: { word },
      phases: [
        {
          name: "read",
          each: "partition",
          run: async (task) => {
            watch(`read ${task.partition}`);
            for (let i = 0; i < DOCUMENTS; i++)
              task.keep(
                documentOf(`${word} `.repeat((((task.partition + 1) * 31 + i * 7) % 13) + 1), {
                  origin: `${task.partition}.${i}`,
                }),
              );
            task.reject({ where: `${task.partition}`, why: "torn", record: "" }, "source");
          },
        },
      ],
    },
    {
      name: "shorten",
      version: 1,
      settings: null,
      phases: [
        {
          name: "measure",
          each: "partition",
          run: async (task) => {
            watch(`measure ${task.partition}`);
            const lengths: number[] = [];
            for await (const { text } of task.documents()) lengths.push(text.length);
            await writeFile(task.path("lengths"), JSON.stringify(lengths));
          },
        },
        {
          name: "mean",
          each: "corpus",
          run: async (task) => {
            watch("mean");
            const all: number[] = [];
            for (let partition = 0; partition < task.partitions; partition++)
              all.push(
                ...(JSON.parse(
                  await readFile(task.partitionFile("measure", partition, "lengths"), "utf8"),
                ) as number[]),
              );
            await writeFile(task.path("mean"), String(all.reduce((a, b) => a + b, 0) / all.length));
          },
        },
        {
          name: "apply",
          each: "partition",
          run: async (task) => {
            const mean = Number(await readFile(task.mergedFile("mean", "mean"), "utf8"));
            let half = DOCUMENTS / 2;
            for await (const document of task.documents()) {
              if (half-- < 1) watch(`apply ${task.partition}`);
              if (document.text.length < mean) task.drop(document, "short", `below ${mean}`);
              else task.keep(document);
            }
          },
        },
      ],
    },
    {
      name: "domains",
      version: 1,
      settings: null,
      phases: [
        {
          name: "write",
          each: "partition",
          run: async (task) => {
            watch(`write ${task.partition}`);
            const lines: string[] = [];
            for await (const { text } of task.documents()) lines.push(text.toUpperCase());
            await writeFile(task.path("out"), lines.join("\n"));
          },
        },
      ],
    },
  ];
}

/** The phases of the numbers' forge in a work folder. */
export function numberPhases(work: string, watch?: Watch, settings?: { readonly word?: string }): PlacedPhase[] {
  return placePhases(numberSteps(watch, settings), work, "numbers");
}

/** Runs phases in this thread. */
export function run(
  phases: readonly PlacedPhase[],
  options: { part?: Part; phase?: string; until?: string } = {},
): Promise<PhaseOutcome[]> {
  const { part = { index: 0, of: 1 }, phase = null, until = null } = options;
  return runForge(phases, PARTITIONS, new OwnThread(phases, PARTITIONS), {
    ...{ part, phase, until, onProgress: () => {}, onPhase: () => {}, pollMs: 5 },
  });
}
