/** Whole experiments of tiny runs, made by processes: prices of a source, and DoReMi cut off and gone on with. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkpointFolder } from "../../../src/checkpoint/run-folder.js";
import { mixDoReMi } from "../../../src/commands/mix-doremi.js";
import { mixPrice } from "../../../src/commands/mix-price.js";
import { loadSweep } from "../../../src/config/load-sweep.js";
import { captured, makeProject, type Project } from "../../end-to-end/project.js";
import { EXPERIMENTS } from "./made-up.js";

const COMMAND = [process.execPath, "--import", "tsx", "src/cli.ts"];

let project: Project;
let path: string;
beforeAll(async () => {
  project = await makeProject();
  path = join(project.folder, "sweep.yaml");
  await writeFile(path, EXPERIMENTS);
});
afterAll(async () => project[Symbol.asyncDispose]());

const load = (...overrides: string[]) => loadSweep(path, ["seeds=[4]", ...overrides], { root: project.folder });

function optionsFor(stopAfter: string | null = null, command = COMMAND) {
  const stop = new AbortController();
  const [shown, progress] = [captured(), captured()];
  const write = (text: string): void => {
    progress.text += text;
    if (stopAfter !== null && text.includes(`${stopAfter}:`)) stop.abort();
  };
  const options = {
    command,
    devices: null,
    stop: stop.signal,
    progress: { write },
    write: (t: string) => shown.write(t),
  };
  return { shown, progress, options };
}

const json = async (name: string) =>
  JSON.parse(await readFile(join(project.folder, "checkpoints/made-up", name), "utf8"));

describe("the runs of the experiments", () => {
  // Six processes, each of which compiles the program first: a base, two anneals, a reference and two rounds.
  it("price a source, then weigh domains from the same base, stopped and gone on with", {
    timeout: 240_000,
  }, async () => {
    const { shown, options } = optionsFor();
    const priced = await mixPrice(await load(), options);
    expect([priced.finished.length, priced.failed, priced.left]).toEqual([3, [], []]);
    const { prices, warnings } = await json("price.json");
    expect(prices.map((each: { domain: string }) => each.domain)).toEqual(["agent", "text", "code"]);
    const [onAgent] = prices;
    const [control, anneal] = priced.finished
      .slice(1)
      .map(({ outcome }) => outcome.evaluations.at(-1)?.domains.agent.loss);
    expect(onAgent).toMatchObject({ size: "one", source: "agent", seeds: [4], control, loss: anneal, deviation: null });
    expect(priced.finished[1].outcome.ledger.agent.tokens).toBe(0);
    // Four rows of 32 a step, four steps, half of them the source's; the base's tokens are not counted.
    expect(onAgent.sourceTokens).toBe(256);
    expect(onAgent.perMillion).toBeCloseTo(((anneal ?? 0) - (control ?? 0)) / 256e-6, 6);
    expect(warnings).toContain("one: one seed, so there is no spread: a difference may be chance");
    expect(shown.text).toContain("prices in ");

    const cut = optionsFor("doremi-one-s4-512-1-of-2");
    const first = await mixDoReMi(await load(), cut.options);
    expect(first.left.map(({ name }) => name)).toEqual(["doremi-one-s4-512-2-of-2"]);
    expect(cut.shown.text).toContain("1 of 2 rounds: the mean is not final");
    const half = await json("doremi.json");
    const again = optionsFor();
    const second = await mixDoReMi(await load(), again.options);
    expect([second.finished.length, second.left]).toEqual([4, []]);
    const whole = await json("doremi.json");
    expect(whole.rounds.slice(0, 1)).toEqual(half.rounds);
    expect(again.shown.text).toContain(whole.mixture);

    const [base, , one, two] = second.finished;
    // The second round goes on with the first's moments and ledger; its own tokens are its own.
    expect(two.run.plan.begin).toEqual({ mode: "continue", from: checkpointFolder(one.run.plan.runFolder, 2) });
    const { ledger } = two.outcome;
    expect(Object.values(ledger).reduce((sum, { tokens }) => sum + tokens, 0)).toBe(256);
    expect(two.outcome.evaluations[0].domains).toEqual(one.outcome.evaluations.at(-1)?.domains);
    expect(one.outcome.evaluations[0].domains).toEqual(base.outcome.evaluations.at(-1)?.domains);
  });

  it("that fail twice are told, after what there is", async () => {
    const broken = optionsFor(null, [process.execPath, "-e", "console.error('no luck'); process.exit(3)"]);
    await expect(mixDoReMi(await load("folder=broken"), broken.options)).rejects.toThrow(/base-one-s4[\s\S]*no luck/);
    expect(broken.shown.text).toContain("no round is finished yet");
    await expect(mixPrice(await load("folder=broken"), broken.options)).rejects.toThrow(/control[\s\S]*its base/);
    expect(broken.shown.text).toContain("no anneal and its control are finished yet");
  });
});
