/** A domain in no mixture is evaluated along every run: that is how a benchmark of gold answers gets into the table. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { mixSweep } from "../../../src/commands/mix-sweep.js";
import { loadSweep } from "../../../src/config/load-sweep.js";
import { tableOf } from "../../../src/mixlaw/study/table.js";
import { observationsOf } from "../../../src/mixlaw/sweep/observations.js";
import { captured, makeProject } from "../../end-to-end/project.js";

const SWEEP = `
sweep: benchmark
plan: plan.yaml
domain: agent
sizes:
  one: { width: 16, layers: 1, heads: 2, feedForward: 32, tied: true }
seeds: [4]
sequenceLength: 32
tokensPerStep: 128
pretrain: { mixture: { text: 1 }, tokens: 256, schedule: { kind: constant, peak: 1e-2 } }
continue:
  tokens: [256]
  schedule: { kind: constant, peak: 5e-3 }
  mixtures: { kind: grid, shares: [1/4], rest: { text: 1 } }
evaluation: { points: 1, tokensPerDomain: 100 }
`;

it("a domain in no mixture is a benchmark", async () => {
  await using project = await makeProject();
  const path = join(project.folder, "sweep.yaml");
  await writeFile(path, SWEEP);
  const result = await mixSweep(await loadSweep(path, [], { root: project.folder }), {
    command: [process.execPath, "--import", "tsx", "src/cli.ts"],
    devices: null,
    stop: new AbortController().signal,
    progress: captured(),
    write: () => {},
  });
  const table = tableOf(observationsOf(result.finished), {
    ...{ domain: "agent", general: null, without: [], size: null },
  });
  expect(table.sets.map(({ name, role }) => [name, role])).toEqual([
    ["agent", "domain"],
    ["text", "general"],
    ["code", "benchmark"],
  ]);
  // Two processes, each of which compiles the program first.
}, 120_000);
