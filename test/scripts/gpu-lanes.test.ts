/**
 * The lanes for a machine with a card, here without one and on the emulated card: what is skipped says why and never looks like a pass, parts
 * follow one another whatever becomes of them, and a bundle carries all of it to a host without Node.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildEmulator, emulatorMissing } from "../cuda/emulator/build.js";

const folder = mkdtempSync(join(tmpdir(), "gpu-lanes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LIMIT_MS = 300_000;
const unbuilt = existsSync("dist/engine/native/cuda/device.js") ? null : "dist/ is missing: npm run build";
const missing = unbuilt ?? (await emulatorMissing());
const NO_CARD = /no card: the NVIDIA driver was not found/;
/** Somewhere without a driver, on machines with a card too. */
const ABSENT = { HEPHAESTUS_DRIVER: "/nowhere/libcuda.so.1" };

function run(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cwd = ".",
): SpawnSyncReturns<string> {
  const inherited = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  return spawnSync("bash", [script, ...args], { encoding: "utf8", cwd, env: { ...inherited, ...env } });
}

/** The emulator in the driver's place, small sizes, and a program in compute-sanitizer's place that runs what it is given. */
async function emulated(): Promise<NodeJS.ProcessEnv> {
  const path = await buildEmulator();
  const programs = join(folder, "programs");
  mkdirSync(programs, { recursive: true });
  const script = '#!/bin/sh\necho "watched: $1 $2"\nshift 4\nexec "$@"\n';
  writeFileSync(join(programs, "compute-sanitizer"), script, { mode: 0o755 });
  return {
    ...{ HEPHAESTUS_DRIVER: path, HEPHAESTUS_NVRTC: path, HEPHAESTUS_CUBLASLT: path, HEPHAESTUS_GPU_SIZES: "small" },
    PATH: `${programs}:${process.env["PATH"]}`,
  };
}

describe.skipIf(unbuilt !== null)(unbuilt === null ? "without a card" : `lanes (skipped: ${unbuilt})`, () => {
  it("test-gpu.sh says that nothing was tested, and ends with 77", () => {
    const { status, stdout } = run("scripts/test-gpu.sh", [], ABSENT);
    expect(stdout).toMatch(/^SKIPPED, nothing was tested: no card: /);
    expect(stdout).toMatch(NO_CARD);
    expect(status).toBe(77);
  });

  it("vitest.gpu.config.ts runs nothing, and gives the reason with every suite", { timeout: LIMIT_MS }, () => {
    const args = [
      "run",
      "--config",
      "vitest.gpu.config.ts",
      "test/gpu",
      "test/engine/native/cuda/kernels/rows.test.ts",
    ];
    const env = { ...process.env, ...ABSENT, HEPHAESTUS_CARD: "" };
    const { stdout } = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", ...args], {
      encoding: "utf8",
      env,
    });
    expect(stdout).toMatch(/0 passed, 0 failed, \d+ skipped/);
    for (const suite of ["engine contract: native-cuda", "bf16 contract: native-cuda", "real sizes", "rmsNorm"])
      expect(stdout).toContain(`${suite} (skipped: no card: `);
  });

  it("measure-card.sh names every part and why it was skipped, and ends with 77", () => {
    const out = join(folder, "none");
    const { status, stdout } = run("scripts/measure-card.sh", ["--out", out], ABSENT);
    const lines = stdout.trim().split("\n");
    expect(lines).toHaveLength(13);
    for (const line of lines) expect(line).toMatch(/^[\w.-]+ +\d+ s {2}SKIPPED: .*no card: /);
    expect(readFileSync(join(out, "summary.txt"), "utf8")).toBe(stdout);
    // Few files, which are easily copied from another machine.
    expect(readdirSync(out).length).toBeLessThanOrEqual(8);
    expect(status).toBe(77);
  });
});

describe("mistakes", () => {
  it.each([
    ["scripts/test-gpu.sh", ["kernel"], "there is no lane kernel"],
    ["scripts/measure-card.sh", ["bench-9b"], "there is no part bench-9b"],
    ["scripts/measure-card.sh", ["--budget", "soon"], "take whole numbers"],
    ["scripts/measure-card.sh", ["--out"], "--out needs a value"],
  ])("%s %s", (script, args, message) => {
    const { status, stderr } = run(script, args);
    expect(stderr).toContain(message);
    expect(stderr).toContain("hint: see --help");
    expect(status).toBe(2);
  });

  it.each(["scripts/test-gpu.sh", "scripts/measure-card.sh"])("%s --help tells what it does", (script) => {
    const { status, stdout } = run(script, ["--help"]);
    expect(stdout).toMatch(/^Usage: [\s\S]*77/);
    expect(status).toBe(0);
  });
});

describe.skipIf(missing !== null)(missing === null ? "on the emulated card" : `emulated (skipped: ${missing})`, () => {
  it("the lanes that need no PyTorch pass; others say what they lack", { timeout: LIMIT_MS }, async () => {
    const env = { ...(await emulated()), HEPHAESTUS_PYTHON: "/nowhere/python3" };
    const { status, stdout } = run("scripts/test-gpu.sh", ["real", "figures", "sanitizer"], env);
    expect(stdout).toMatch(/^== Emulated card/);
    expect(stdout).toContain("/nowhere/python3 has no PyTorch");
    expect(stdout).toMatch(/real +SKIPPED \(see above\)/);
    expect(stdout).toMatch(/figures +passed/);
    expect(stdout.match(/"firstStep":[\d.]+,"limit":(20|3),"kept":true/g)).toHaveLength(2);
    expect(stdout.match(/watched: --tool \w+/g)).toEqual(
      ["memcheck", "racecheck", "initcheck"].flatMap((tool) => [`watched: --tool ${tool}`, `watched: --tool ${tool}`]),
    );
    expect(stdout).toMatch(/sanitizer +passed/);
    expect(status, stdout).toBe(0);
  });

  it("a first step over its limit, or a fault, is a failure", { timeout: LIMIT_MS }, async () => {
    const args = ["--shape", "width=16,layers=1,heads=2,ff=16,vocab=16,batch=1,length=4", "--limit", "0.001"];
    const env = { ...process.env, ...(await emulated()) };
    const step = spawnSync(process.execPath, ["scripts/gpu/train-steps.mjs", ...args], { encoding: "utf8", env });
    expect(JSON.parse(step.stdout)).toMatchObject({ limit: 0.001, kept: false });
    expect(step.status).toBe(1);
  });

  it("measuring goes on after a part that was skipped, and stops beginning parts when its time is over", {
    timeout: LIMIT_MS,
  }, async () => {
    const out = join(folder, "measured");
    const env = { ...(await emulated()), HEPHAESTUS_PYTHON: "/nowhere/python3", OUT: out };
    const { status, stdout } = run("scripts/measure-card.sh", ["real", "facts", "figures"], env);
    expect(stdout).toMatch(
      /^facts +\d+ s {2}passed\nreal +\d+ s {2}SKIPPED: .*no PyTorch.*\nfigures +\d+ s {2}passed\n$/,
    );
    expect(status).toBe(0);
    const late = run("scripts/measure-card.sh", ["--budget", "4", "facts"], env);
    expect(late.stdout).toMatch(/^facts +0 s {2}SKIPPED: no time left/);
    expect(late.status).toBe(77);
  });

  it("measuring goes on after a part that failed, and keeps what the other side measured", {
    timeout: LIMIT_MS,
  }, async () => {
    const out = join(folder, "failed");
    const env = { ...(await emulated()), HEPHAESTUS_PYTHON: "/nowhere/python3", OUT: out };
    const { status, stdout } = run("scripts/measure-card.sh", ["bench-124m", "bench-8b"], env);
    expect(stdout).toMatch(/^bench-124m +\d+ s {2}FAILED .*\nbench-8b +\d+ s {2}FAILED /);
    expect(readFileSync(join(out, "bench.log"), "utf8")).toMatch(/"tokensPerSecond": [\d.]+[\s\S]*\/nowhere\/python3/);
    expect(status).toBe(1);
  });
});

describe("speeds.py", () => {
  it("gives both speeds and their ratio, and null for a side that failed", () => {
    const path = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const ours = path("ours.json", JSON.stringify({ engine: {}, results: [{ tokensPerSecond: 300 }] }, null, 2));
    const torch = path("torch.json", 'compiling\n{"tokens_per_second": 200}\n');
    const speeds = (...files: string[]): unknown =>
      JSON.parse(spawnSync("python3", ["scripts/gpu/speeds.py", "1b", ...files], { encoding: "utf8" }).stdout);
    expect(speeds(ours, torch)).toEqual({ shape: "1b", tokensPerSecond: 300, pytorch: 200, ratio: 1.5 });
    expect(speeds(ours, path("bad.json", "out of memory\n"))).toMatchObject({ pytorch: null, ratio: null });
    expect(speeds("/nowhere", torch)).toMatchObject({ tokensPerSecond: null, ratio: null });
  });
});

describe("a bundle with tests", () => {
  it("runs vitest on a host without Node, which says that there is no card", { timeout: 2 * LIMIT_MS }, () => {
    const bundle = join(folder, "bundle");
    const made = run("scripts/bundle.sh", ["--fast", "--with-tests", "--out", bundle]);
    expect(made.status, made.stderr).toBe(0);
    expect(Number(/everything +([\d.]+) MiB/.exec(made.stdout)?.[1])).toBeLessThan(64);
    const programs = join(folder, "bare");
    mkdirSync(programs);
    for (const program of ["bash", "sh", "readlink", "dirname", "mkdir", "chmod", "mv", "rm", "xz", "tar", "mktemp"]) {
      const { stdout } = spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" });
      symlinkSync(stdout.trim(), join(programs, program));
    }
    const env = { PATH: programs, ...ABSENT };
    const lanes = spawnSync(join(programs, "bash"), ["scripts/test-gpu.sh"], { encoding: "utf8", cwd: bundle, env });
    expect(lanes.stdout).toMatch(/unpacking the tests \(once\)\nSKIPPED, nothing was tested: no card: /);
    expect(lanes.status).toBe(77);
    const args = ["node_modules/vitest/vitest.mjs", "run", "--config", "vitest.gpu.config.ts", "test/gpu"];
    const direct = spawnSync("./nodejs", args, { encoding: "utf8", cwd: bundle, env });
    expect(direct.stdout, direct.stderr).toMatch(/0 passed, 0 failed, \d+ skipped/);
    expect(direct.stdout).toMatch(NO_CARD);
  });
});
