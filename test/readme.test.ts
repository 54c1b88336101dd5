/** The README's own `npx hephaestus` commands, run on a tiny project: what it promises must work as written. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { main } from "../src/cli.js";
import { captured, makeProject, type Project } from "./end-to-end/project.js";

const README = readFileSync("README.md", "utf8");
const SCRIPTS: Record<string, string> = JSON.parse(readFileSync("package.json", "utf8")).scripts;

let project: Project;
let cwd: string;
beforeAll(async () => {
  cwd = process.cwd();
  project = await makeProject({ prepared: false });
  process.chdir(project.folder);
});
afterAll(async () => {
  process.chdir(cwd);
  await project[Symbol.asyncDispose]();
});

/** The arguments of every `npx hephaestus` line, without its comment. */
function commands(): string[][] {
  const lines = README.split("\n").filter((line) => line.startsWith("npx hephaestus "));
  return lines.map((line) => {
    const text = line.slice("npx hephaestus ".length).replace(/\s+#.*$/, "");
    return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
  });
}

it("shows every command of the command line", () => {
  expect(commands().map(([name]) => name)).toEqual([
    ...["prepare", "plan", "train", "eval", "generate", "export", "merge", "inspect", "bench"],
  ]);
});

/** A checkpoint of the project's run: the README's are of a longer one. */
function newest(): string {
  const [run] = readdirSync("checkpoints");
  const steps = readdirSync(`checkpoints/${run}`).filter((name) => name.startsWith("step-"));
  return `checkpoints/${run}/${steps.sort().at(-1)}`;
}

it("runs as written, in the order shown", { timeout: 120_000 }, async () => {
  for (const args of commands()) {
    const err = captured();
    const real = args.map((arg) => arg.replace("data/…/train", "data/agent/train").replace(/^run\/step-\d+$/, newest));
    const code = await main(real, { out: captured(), err, onSignal: () => () => {}, abort: () => {} });
    expect({ args, code, errors: err.text.match(/error: .*/)?.[0] }).toEqual({ args, code: 0, errors: undefined });
  }
});

it("names only npm scripts that exist", () => {
  const named = [...README.matchAll(/npm run ([\w:]+)/g)].map(([, script]) => script);
  for (const script of named) expect(Object.keys(SCRIPTS)).toContain(script);
});
