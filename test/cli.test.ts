import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { main, type Terminal } from "../src/cli.js";
import { captured, makeProject, type Project } from "./end-to-end/project.js";

let project: Project;
let cwd: string;
beforeAll(async () => {
  project = await makeProject({ prepared: false });
  cwd = process.cwd();
  // Paths in a plan are relative to the folder that the command runs in.
  process.chdir(project.folder);
});
afterAll(async () => {
  process.chdir(cwd);
  await project[Symbol.asyncDispose]();
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: readonly string[], terminal: Partial<Terminal> = {}): Promise<Ran> {
  const out = captured();
  const err = captured();
  const code = await main(args, { out, err, onSignal: () => () => {}, abort: () => {}, ...terminal });
  return { code, out: out.text, err: err.text };
}

const COMMANDS = [
  "forge",
  "prepare",
  "inspect",
  "plan",
  "train",
  "eval",
  "generate",
  "export",
  "merge",
  "bench",
  "mix",
];
const MIXES = ["sweep", "fit", "recommend", "price", "doremi"];
const MERGES = ["average", "interpolate", "add-difference"];

describe("help", () => {
  it("is frozen: a changed option shows in the snapshot", async () => {
    const texts = await Promise.all(
      [
        [],
        ...COMMANDS.map((command) => [command]),
        ...MERGES.map((merge) => ["merge", merge]),
        ...MIXES.map((mix) => ["mix", mix]),
      ].map((args) => run([...args, "--help"])),
    );
    for (const { code } of texts) expect(code).toBe(0);
    expect(texts.map(({ out }) => out).join("\n")).toMatchSnapshot();
  });

  it.each(COMMANDS)("of %s shows examples", async (command) => {
    expect((await run([command, "--help"])).out).toMatch(/Examples:\n {2}hephaestus /);
  });

  it("gives the version", async () => {
    expect((await run(["--version"])).out.trim()).toBe(
      JSON.parse(readFileSync(join(cwd, "package.json"), "utf8")).version,
    );
  });
});

describe("mistakes on the command line", () => {
  it.each([
    [["trian"], /unknown command 'trian'[\s\S]*Did you mean train/],
    [["train"], /required option '-c, --config <file>'/],
    [["train", "--config", "plan.yaml", "--resmue", "auto"], /unknown option '--resmue'[\s\S]*Did you mean --resume/],
    [["generate", "--config", "plan.yaml", "--tokens", "many"], /expected a whole number|expected a number/],
    [["plan", "--config", "absent.yaml"], /absent\.yaml/],
    [["plan", "--config", "plan.yaml", "--set", "modle.width=3"], /modle[\s\S]*model/],
    [["plan", "--config", "plan.yaml"], /tokenizer is not there yet/],
    [["inspect", "absent.arrow"], /absent\.arrow/],
    [["export", "--output", "out"], /what is to be exported\?[\s\S]*--config or --checkpoint/],
    [["export", "--checkpoint", "absent", "--output", "out", "--set", "seed=1"], /--set changes a plan/],
    [["export", "--checkpoint", "absent", "--output", "out"], /absent[\s\S]*missing/],
    [["export", "--checkpoint", "absent", "--output", "out", "--max-shard", "0"], /expected a size, such as 5GB/],
    [["export", "--checkpoint", "absent", "--output", "out", "--engine", "abacus"], /abacus/],
    [["merge", "average", "absent", "--output", "out"], /missing required argument/],
    [["merge", "average", "absent", "absent", "--output", "out", "--weights", "1,x"], /expected a number/],
    [["merge", "interpolate", "absent", "absent", "--output", "out", "--alpha", "2"], /--alpha must be from 0/],
  ])("%j: exit 2, a plain message, no stack", async (args, message) => {
    const { code, err } = await run(args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
  });

  it("a fault of ours keeps its stack and its cause, and exits 1", async () => {
    const broken = {
      write: () => {
        throw new Error("the pipe is closed", { cause: new Error("EPIPE") });
      },
    };
    const { code, err } = await run(["inspect", join(cwd, "test/golden/arrow/file-int32.arrow")], { out: broken });
    expect(code).toBe(1);
    expect(err).toMatch(/fault of hephaestus[\s\S]*the pipe is closed\n\s+at [\s\S]*caused by: Error: EPIPE/);
  });
});

describe("the whole job", () => {
  it("prepare, plan, train, a signal, resume, eval, generate, inspect", { timeout: 120_000 }, async () => {
    const config = ["--config", "plan.yaml"];
    expect(await run(["prepare", ...config, "--workers", "1"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("agent"),
    });
    const planned = await run(["plan", ...config, "--json"]);
    expect(JSON.parse(planned.out)).toMatchObject({ run: "tiny", steps: 20 });

    let signals = 0;
    const interrupted = await run(["train", ...config], {
      onSignal: (callback) => {
        setTimeout(callback, 0);
        return () => signals++;
      },
    });
    expect(interrupted).toMatchObject({ code: 0, err: expect.stringContaining("stopping after this step") });
    expect(interrupted.out).toMatch(
      /interrupted after step \d+; go on with:\n {2}hephaestus train --config plan\.yaml --resume auto/,
    );
    expect(signals).toBe(1);

    const resumed = await run(["train", ...config, "--resume", "auto"]);
    expect(resumed).toMatchObject({
      code: 0,
      out: expect.stringMatching(/finished\nlast checkpoint: .*step-00000020/),
    });
    const report = await run(["eval", ...config, "--json"]);
    expect(JSON.parse(report.out)).toMatchObject({ step: 20, domains: { agent: { loss: expect.any(Number) } } });
    expect(await run(["generate", ...config, "--prompt", "the", "--tokens", "5"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^the/),
    });
    const exported = await run(["export", ...config, "--output", "exported", "--engine", "tfjs-cpu"]);
    expect(exported).toMatchObject({ code: 0, out: expect.stringMatching(/^exported: [\s\S]*rounding to bf16 moves/) });
    const averaged = ["merge", "average", "checkpoints/tiny/step-00000020", "exported", "--output", "averaged"];
    expect(await run([...averaged, "--weights", "3,1", "--dtype", "f32"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^averaged: .*as f32[\s\S]*verified: every tensor reads back/),
    });
    const inspected = await run(["inspect", "data/agent/train", "--check", "--tokenizer", "data/tokenizer.json"]);
    expect(inspected).toMatchObject({ code: 0, out: expect.stringContaining("agent") });
  });

  it("a second signal ends the process at once", async () => {
    let aborted = false;
    await run(["train", "--config", "plan.yaml", "--set", "run=aborted"], {
      onSignal: (callback) => {
        callback();
        callback();
        return () => {};
      },
      abort: () => {
        aborted = true;
      },
    });
    expect(aborted).toBe(true);
  });
});
