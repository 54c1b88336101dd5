/** A whole sweep of tiny runs: expanded, made by processes, cut off and gone on with to the same table; failures are told. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toNumber } from "../../../src/base/rational.js";
import { mixSweep } from "../../../src/commands/mix-sweep.js";
import { loadSweep } from "../../../src/config/load-sweep.js";
import { readObservations } from "../../../src/mixlaw/observation.js";
import { tableOf } from "../../../src/mixlaw/study/table.js";
import { expandSweep } from "../../../src/mixlaw/sweep/expand.js";
import { observationsOf } from "../../../src/mixlaw/sweep/observations.js";
import { captured, makeProject, type Project } from "../../end-to-end/project.js";
import { tinySweep } from "./made-up.js";

const SWEEP = tinySweep({
  name: "tiny",
  seeds: [4],
  shares: "[0, 1/4]",
  evaluation: "{ points: 2, tokensPerDomain: 100 }",
});
const COMMAND = [process.execPath, "--import", "tsx", "src/cli.ts"];

let project: Project;
let path: string;
beforeAll(async () => {
  project = await makeProject();
  path = join(project.folder, "sweep.yaml");
  await writeFile(path, SWEEP);
});
afterAll(async () => project[Symbol.asyncDispose]());

const load = (...overrides: string[]) => loadSweep(path, overrides, { root: project.folder });

async function make(overrides: string[], command = COMMAND, stop = new AbortController()) {
  const sweep = await load(...overrides);
  const progress = captured();
  const options = { command, devices: null, stop: stop.signal, progress, write: () => {} };
  const stopAt = (text: string): void => {
    progress.text += text;
    if (text.includes("base-one-s4:")) stop.abort();
  };
  return { sweep, progress, options, stopAt };
}

describe("a sweep as runs", () => {
  it("is a base for each size and seed, and a run for each mixture and budget from it", async () => {
    const runs = expandSweep(await load("continue.tokens=[512, 1024]"));
    expect(runs.map(({ name, base }) => [name, base])).toEqual([
      ["base-one-s4", null],
      ["one-s4-512-agent-0", "base-one-s4"],
      ["one-s4-512-agent-0.25", "base-one-s4"],
      ["one-s4-1024-agent-0", "base-one-s4"],
      ["one-s4-1024-agent-0.25", "base-one-s4"],
    ]);
    expect(runs[2].mixture).toEqual({
      agent: { numerator: 1, denominator: 4 },
      text: { numerator: 1, denominator: 2 },
      code: { numerator: 1, denominator: 4 },
    });
    expect(runs[1].plan.begin).toEqual({
      mode: "weights",
      from: join(project.folder, "checkpoints/tiny/runs/base-one-s4/step-00000005"),
    });
  });

  it("draws mixtures from a Dirichlet distribution, the same every time, each summing to exactly 1", async () => {
    const mixtures =
      "continue.mixtures={ kind: dirichlet, count: 20, concentration: { agent: 1, text: 0.3, code: 5 } }";
    const runs = expandSweep(await load(mixtures)).slice(1);
    expect(runs).toEqual(expandSweep(await load(mixtures)).slice(1));
    expect(runs).toHaveLength(20);
    for (const { mixture } of runs)
      expect(Object.values(mixture).reduce((sum, share) => sum + toNumber(share) * 10_000, 0)).toBeCloseTo(10_000, 9);
    expect(new Set(runs.map(({ mixture }) => JSON.stringify(mixture))).size).toBe(20);
  });

  it("tells every problem of the file at once, and each of the runs' plans once", async () => {
    const wrong = load("domain=agnt", "seeds=[1, 1]", "pretrain.tokns=3", "continue.mixtures.rest={ agent: 1 }");
    await expect(wrong).rejects.toThrow(/tokens[\s\S]*did you mean `agent`[\s\S]*twice/);
    const impossible = await load("sizes.one.heads=5");
    expect(() => expandSweep(impossible)).toThrow(/run base-one-s4[\s\S]*heads/);
  });
});

describe("the runs of a sweep", () => {
  it("are gone on with after a stop, and give the same table as those of an undisturbed sweep", async () => {
    const straight = await make(["folder=straight"]);
    const whole = await mixSweep(straight.sweep, straight.options);
    expect([whole.finished.length, whole.failed, whole.left]).toEqual([3, [], []]);

    const cut = await make(["folder=cut"]);
    const stopped = await make(["folder=cut"]);
    const first = await mixSweep(stopped.sweep, { ...stopped.options, progress: { write: stopped.stopAt } });
    expect([first.finished.length, first.left.length]).toEqual([1, 2]);
    const second = await mixSweep(cut.sweep, cut.options);
    expect([second.finished.length, second.left]).toEqual([3, []]);

    const [a, b] = await Promise.all(
      [straight, cut].map(({ sweep }) => readFile(join(sweep.folder, "observations.jsonl"), "utf8")),
    );
    expect(b).toBe(a);
    const observations = readObservations(a, "observations.jsonl");
    // Two evaluations after the start, of three domains, in each of two runs.
    expect(observations).toHaveLength(12);
    expect(observations.map(({ tokens }) => tokens)).toEqual(expect.arrayContaining([256, 512]));
    for (const { areas, shares } of observations) {
      expect(areas.before?.s1).toBeCloseTo(5e-2, 12);
      expect(Object.values(shares).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    }
    const other = await load("folder=cut", "continue.schedule.peak=1e-3");
    await expect(mixSweep(other, cut.options)).rejects.toThrow("was made under another plan");
    // Six processes, each of which compiles the program first.
  }, 180_000);

  it("that fail are tried once more and then told, and what begins from them is told too", async () => {
    const broken = await make(["folder=broken"], [process.execPath, "-e", "console.error('no luck'); process.exit(3)"]);
    await expect(mixSweep(broken.sweep, broken.options)).rejects.toThrow(/base-one-s4[\s\S]*no luck[\s\S]*its base/);
    expect(broken.progress.text).toContain("is tried once more");
    expect(await readFile(join(broken.sweep.folder, "summary.txt"), "utf8")).toContain("failed: base-one-s4");
  });

  it("evaluate a domain that is in no mixture: a benchmark", async () => {
    const rest = ["pretrain.mixture={ text: 1 }", "continue.mixtures={ kind: grid, shares: [1/4], rest: { text: 1 } }"];
    const { sweep, options } = await make(["folder=benchmark", ...rest]);
    const { finished } = await mixSweep(sweep, options);
    const table = tableOf(observationsOf(finished), { domain: "agent", general: null, without: [], size: null });
    expect(table.sets.map(({ name, role }) => [name, role])).toEqual([
      ["agent", "domain"],
      ["text", "general"],
      ["code", "benchmark"],
    ]);
    // Two processes, each of which compiles the program first.
  }, 120_000);
});
