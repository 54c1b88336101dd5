/** kill -9 at random moments: every ending equals that of the run that was never killed, bit for bit. Uses the built command line. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sha256 } from "../../src/base/fingerprint.js";
import { randomUniform } from "../../src/base/random.js";
import { makeProject, type Project } from "./project.js";

const CLI = join(process.cwd(), "dist", "cli.js");
/** The best engine of the machine: the one that people's runs are killed on. */
const ENGINE = "engine.kind=auto";
/** Thirty kills take minutes; a few on every commit keep the path alive. */
const KILLS = Number(process.env["HEPHAESTUS_KILLS"] ?? 4);

let project: Project;
let straight: string[];
let duration: number;

beforeAll(async () => {
  project = await makeProject();
  const started = performance.now();
  expect(await run("straight", null)).toBe(0);
  duration = performance.now() - started;
  straight = ending("straight");
});
afterAll(async () => project[Symbol.asyncDispose]());

/** Trains by the command line; `killAfter` milliseconds later the process is killed. Returns the exit code, null when it was killed. */
function run(name: string, killAfter: number | null): Promise<number | null> {
  const args = [CLI, "train", "--config", project.config, "--set", `run=${name}`, "--resume", "auto", "--set", ENGINE];
  const child = spawn(process.execPath, args, { cwd: project.folder, stdio: "ignore" });
  if (killAfter !== null) setTimeout(() => child.kill("SIGKILL"), killAfter);
  return new Promise((resolve) => child.on("exit", (code) => resolve(code)));
}

function ending(name: string): string[] {
  const folder = join(project.folder, "checkpoints", name, "step-00000020");
  const files = ["model.safetensors", "optimizer.safetensors"].map((file) => sha256(readFileSync(join(folder, file))));
  const { evaluations, ledger } = JSON.parse(readFileSync(join(folder, "trainer.json"), "utf8"));
  return [...files, JSON.stringify(evaluations), JSON.stringify(ledger)];
}

it.each(Array.from({ length: KILLS }, (_, i) => i))(
  "kill %d ends like the straight run",
  { timeout: 120_000 },
  async (i) => {
    const name = `killed-${i}`;
    // Anywhere from before the first step to just before the end.
    await run(name, duration * (0.2 + 0.75 * randomUniform(11, 0, i)));
    expect(await run(name, null)).toBe(0);
    expect(ending(name)).toEqual(straight);
    expect(existsSync(join(project.folder, "checkpoints", name, "step-00000020", "manifest.json"))).toBe(true);
  },
);
