/**
 * The story that `npm run quickstart` tells after install, build and corpus: prepare, plan, train, kill -9, resume, evaluate, generate.
 * It uses the command line as a user would, and reads what happened from the run's log.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { formatChange, formatSeconds, formatTable } from "../src/base/format.js";

/** Each trains the same story; the second is for machines on which the first would take longer than this many seconds. */
const CONFIGS = ["quickstart", "quickstart-small"] as const;
const MOST_SECONDS = 270;

interface LogLine {
  readonly event: string;
  readonly step: number;
  readonly stage?: string | null;
  readonly domains?: Readonly<Record<string, { readonly loss: number; readonly bitsPerByte: number }>>;
}

const started = performance.now();

let config = `configs/${CONFIGS[0]}.yaml`;
let run = `checkpoints/${CONFIGS[0]}`;

/** Measures the first plan, and takes the small one if this machine is too slow for it. */
function chooseConfig(): void {
  const plan = spawnSync(process.execPath, ["dist/cli.js", "plan", "--config", config, "--measure", "--json"]);
  const { seconds, speed } = JSON.parse(plan.stdout.toString());
  if (seconds <= MOST_SECONDS) return;
  console.log(`${config} would take ${formatSeconds(seconds)} on ${speed.engine}: taking the small one`);
  config = `configs/${CONFIGS[1]}.yaml`;
  run = `checkpoints/${CONFIGS[1]}`;
}

function heading(text: string): void {
  console.log(`\n=== ${text} (${formatSeconds((performance.now() - started) / 1000)} so far)`);
}

/** Starts a hephaestus command that prints where this script prints. */
function hephaestus(...args: readonly string[]) {
  return spawn(process.execPath, ["dist/cli.js", ...args], { stdio: "inherit" });
}

async function finish(child: ReturnType<typeof spawn>, what: string): Promise<void> {
  const code = await new Promise((resolve) => child.on("exit", (exit, signal) => resolve(exit ?? signal)));
  if (code === 0) return;
  console.error(`quickstart: ${what} ended with ${code}`);
  process.exit(1);
}

function readLog(): LogLine[] {
  try {
    // A line that is being written has no newline yet.
    const lines = readFileSync(join(run, "log.jsonl"), "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

/** Trains until a few steps after the first checkpoint, then kills the process without warning. */
async function trainAndKill(): Promise<number> {
  const child = hephaestus("train", "--config", config);
  const ended = finish(child, "training");
  const killedAt = await new Promise<number>((resolve) => {
    const watch = setInterval(() => {
      const log = readLog();
      const saved = log.find(({ event }) => event === "checkpoint")?.step;
      const step = log.findLast(({ event }) => event === "step")?.step ?? 0;
      if (saved === undefined || step < saved + 5) return;
      clearInterval(watch);
      child.removeAllListeners("exit");
      child.kill("SIGKILL");
      resolve(step);
    }, 50);
  });
  void ended;
  await new Promise((resolve) =>
    child.exitCode === null && child.signalCode === null ? child.once("close", resolve) : resolve(null),
  );
  return killedAt;
}

/** Held-out loss at step 0, where the killed run was resumed, and at the end of every stage. */
function story(resumedAt: number): string[] {
  const log = readLog();
  const evaluations = new Map(log.filter(({ event }) => event === "evaluation").map((line) => [line.step, line]));
  const order = [...evaluations.values()].sort((a, b) => a.step - b.step);
  const steps = log.filter(({ event }) => event === "step");
  const stageEnd = (stage: string) => Math.max(...steps.filter((line) => line.stage === stage).map(({ step }) => step));
  const stages = [...new Set(steps.map(({ stage }) => stage ?? ""))];
  const columns = [
    { title: "step 0", step: 0 },
    { title: `resumed at ${resumedAt}`, step: resumedAt },
    ...stages.map((stage) => ({ title: `end of ${stage} (${stageEnd(stage)})`, step: stageEnd(stage) })),
  ];
  const lossAt = (step: number, domain: string) => evaluations.get(step)?.domains?.[domain]?.loss ?? Number.NaN;
  const domains = Object.keys(order[0]?.domains ?? {});
  const lastStage = columns.slice(-2);
  return [
    ...formatTable([
      ["held-out loss", ...columns.map(({ title }) => title), "bits/byte"],
      ...domains.map((domain) => [
        domain,
        ...columns.map(({ step }) => lossAt(step, domain).toFixed(4)),
        (order.at(-1)?.domains?.[domain]?.bitsPerByte ?? Number.NaN).toFixed(3),
      ]),
    ]),
    ...domains.map((domain) => {
      const change = lossAt(lastStage[1].step, domain) - lossAt(lastStage[0].step, domain);
      return `  ${domain}: ${formatChange(change)} over the last stage${change > 0 ? " (forgotten)" : " (gained)"}`;
    }),
  ];
}

async function main(): Promise<void> {
  heading("prepare: tokenizer and Arrow token shards");
  await finish(hephaestus("prepare", "--config", config), "prepare");
  chooseConfig();
  if (existsSync(run)) console.log(`removing ${run} of an earlier quickstart`);
  await rm(run, { recursive: true, force: true });
  heading("plan: the run before its first step");
  await finish(hephaestus("plan", "--config", config, "--measure"), "plan");
  heading("train, and kill -9 in the middle");
  const killedAt = await trainAndKill();
  const resumedAt = readLog().findLast(({ event }) => event === "checkpoint")?.step ?? 0;
  console.log(`killed after step ${killedAt}; the newest checkpoint is of step ${resumedAt}`);
  heading("eval of the checkpoint that survived");
  await finish(hephaestus("eval", "--config", config), "eval");
  heading("train --resume auto: the rest, as if nothing had happened");
  await finish(hephaestus("train", "--config", config, "--resume", "auto"), "resumed training");
  heading("generate");
  await finish(hephaestus("generate", "--config", config, "--prompt", "The operation", "--tokens", "60"), "generate");
  heading("what was gained, what was forgotten");
  for (const line of story(resumedAt)) console.log(line);
  console.log(`
Done in ${formatSeconds((performance.now() - started) / 1000)}. Next:
  node dist/cli.js inspect data/quickstart/agent/train --tokenizer data/quickstart/tokenizer.json
  node dist/cli.js plan --config ${config} --set stages[0].tokens=2M
  docs/plan.md explains every key of the plan; point \`documents\` at your own JSON lines or Parquet and train those.`);
}

await main();
