/** Real signals to a real process: the first one saves and exits 0 with the command to go on, the second ends it at once. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeProject, type Project } from "./project.js";

const CLI = join(process.cwd(), "dist", "cli.js");

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(async () => project[Symbol.asyncDispose]());

function start(run: string) {
  const args = [
    CLI,
    "train",
    "--config",
    project.config,
    "--set",
    `run=${run}`,
    "--set",
    "stages[0].steps=2000",
    "--set",
    "stages[0].maxEpochs={ agent: null, text: null, code: null }",
    "--set",
    "stages[1].maxEpochs={ agent: null, text: null, code: null }",
  ];
  const child = spawn(process.execPath, args, { cwd: project.folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  return { child, ended, output: () => output };
}

const logOf = (run: string) => join(project.folder, "checkpoints", run, "log.jsonl");

/** Waits until the run has logged a step after the first `from` characters of its log. */
async function nextStep(run: string, from = 0): Promise<void> {
  const log = logOf(run);
  while (!existsSync(log) || !readFileSync(log, "utf8").slice(from).includes('"event":"step"'))
    await new Promise((resolve) => setTimeout(resolve, 20));
}

it.each(["SIGINT", "SIGTERM"] as const)(
  "%s: finishes the step, saves, exits 0 and says how to go on",
  async (signal) => {
    const { child, ended, output } = start(signal);
    await nextStep(signal);
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(output()).toMatch(/interrupted after step \d+; go on with:\n {2}hephaestus train --config .* --resume auto/);
    const step = Number(/interrupted after step (\d+)/.exec(output())?.[1]);
    expect(
      existsSync(join(project.folder, "checkpoints", signal, `step-${String(step).padStart(8, "0")}`, "manifest.json")),
    ).toBe(true);
  },
);

it("a run that is killed by a second signal can be started again: its lock does not stand in the way", async () => {
  const { child, ended } = start("twice");
  await nextStep("twice");
  child.kill("SIGKILL");
  await ended;
  const logged = readFileSync(logOf("twice"), "utf8").length;
  const again = start("twice");
  await nextStep("twice", logged);
  again.child.kill("SIGTERM");
  expect(await again.ended).toBe(0);
  expect(again.output()).not.toContain("another run");
});
