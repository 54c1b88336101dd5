/** `bench` on the plainest engine at a tiny shape; PyTorch's side is played by a script. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { parseShape } from "../../src/bench/shape.js";
import { main } from "../../src/cli.js";
import { type BenchOptions, bench, benchShapeOf, engineKindOf, engineNamesOf } from "../../src/commands/bench.js";
import { loadTokenizer } from "../../src/data/tokenizer/tokenizer.js";
import { countParameters, parameterTable } from "../../src/model/parameters.js";
import { fakePrograms } from "../bench/fake-python.js";
import { reportOf, TINY } from "../bench/reports.js";
import { captured, makeProject, type Project } from "../end-to-end/project.js";

const shape = parseShape(TINY);
const parameters = countParameters(parameterTable(shape.architecture));

const ANY = { recomputation: "auto", memory: null } as const;

function options(changes: Partial<BenchOptions> = {}): BenchOptions {
  const progress = captured();
  return {
    engine: "tfjs-cpu",
    steps: 2,
    json: true,
    memory: ANY,
    compared: null,
    progress,
    write: () => {},
    ...changes,
  };
}

describe("bench", () => {
  it("prints JSON that is its return value", async () => {
    const out = captured();
    const report = await bench(shape, options({ write: (text) => out.write(text) }));
    expect(JSON.parse(out.text)).toEqual(JSON.parse(JSON.stringify(report)));
    expect(report).toMatchObject({ parameters, steps: 2, engine: { name: "tfjs-cpu" }, ceiling: null, torch: null });
  });

  it("prints a page for people, and progress on a terminal only", async () => {
    const out = captured();
    const terminal = captured(true);
    await bench(shape, options({ json: false, progress: terminal, write: (text) => out.write(text) }));
    expect(out.text).toMatch(/^shape {6}width 16.*\nengine {5}tfjs-cpu .*\nstep {7}median .*\nspeed {6}.* tok\/s/);
    expect(terminal.text).toContain("opening the engine");
    // What is left on the terminal is an empty line.
    expect(terminal.text.endsWith("\r\u001b[2K")).toBe(true);
    const file = captured(false);
    await bench(shape, options({ progress: file }));
    expect(file.text).toBe("");
  });

  it("compares with PyTorch in processes", async () => {
    using programs = fakePrograms(parameters);
    const own = programs.own([5, 5, 5].map((ms) => reportOf(ms)));
    const torch = { modes: ["compile"], python: programs.python } as const;
    const report = await bench(shape, options({ compared: { engines: [], torch, rounds: 3, own } }));
    expect(report.torch?.modes).toMatchObject([{ mode: "compile", ratio: 2 }]);
  });

  it("refuses no steps and too few rounds, both at once", async () => {
    const compared = { engines: ["tfjs-cpu"], torch: null, rounds: 2, own: [] } as const;
    const failure = bench(shape, options({ steps: 0, compared }));
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(/--steps[\s\S]*--rounds[\s\S]*at least 3/);
  });

  it("knows the engines by name", () => {
    expect(engineKindOf("tfjs-wasm")).toBe("tfjs-wasm");
    expect(() => engineKindOf("tfjs-wsam")).toThrow(/expected: auto, .*\n.*did you mean tfjs-wasm\?/s);
    expect(() => engineKindOf("gpu of a friend")).toThrow(UserError);
    expect(engineNamesOf("tfjs-wasm, tfjs-cpu")).toEqual(["tfjs-wasm", "tfjs-cpu"]);
    expect(() => engineNamesOf("tfjs-wasm,tfjs-cup")).toThrow(/--compare-engines: .*did you mean tfjs-cpu\?/s);
    expect(() => engineNamesOf("auto")).toThrow(UserError);
  });
});

describe("a plan's shape", () => {
  let project: Project;
  beforeAll(async () => {
    project = await makeProject();
  });
  afterAll(async () => project[Symbol.asyncDispose]());

  it("has the tokenizer's vocabulary, or the one asked for before there is a tokenizer", async () => {
    const plan = await project.plan();
    const { vocabulary } = await loadTokenizer(plan.data.tokenizer.path);
    expect((await benchShapeOf(plan)).architecture.vocabulary).toBe(Math.ceil(vocabulary / 8) * 8);
    const unprepared = await project.plan("data.folder=elsewhere");
    expect((await benchShapeOf(unprepared)).architecture.vocabulary).toBe(304);
    const absent = await project.plan("data.tokenizer={ file: nowhere.json }");
    await expect(benchShapeOf(absent)).rejects.toThrow(/nowhere\.json/);
  });

  it("is run by the command line with the plan's engine", async () => {
    const out = captured();
    const err = captured();
    const { config, folder } = project;
    const terminal = { out, err, onSignal: () => () => {}, abort: () => {} };
    const args = ["bench", "-c", config, "--set", `data.folder=${join(folder, "data")}`, "--steps", "1", "--json"];
    expect(await main(args, terminal)).toBe(0);
    expect(JSON.parse(out.text)).toMatchObject({
      engine: { name: "tfjs-cpu" },
      shape: { rows: 2, length: 32, accumulate: 2, architecture: { width: 16 } },
    });
  });
});

describe("the command line", () => {
  it.each([
    [["--shape", TINY, "--config", "plan.yaml"], /--config and --shape both say/],
    [["--set", "a=1"], /--set changes a plan, and there is none/],
    [["--shape", "width=3"], /missing: layers/],
    [["--engine", "tfjs-wsam"], /did you mean tfjs-wasm/],
    [["--recomputation", "some"], /Allowed choices are auto, none, block-parts, layer/],
    [["--compare-engines", "wasm"], /there is no engine "wasm"/],
    [["--compare-engines", "tfjs-cpu", "--rounds", "2"], /too few rounds/],
    [["--compare-torch", "fast"], /Allowed choices are eager, compile, both/],
    [
      ["--compare-torch", "--python", "/nowhere/python3"],
      /\/nowhere\/python3: this Python interpreter cannot be started/,
    ],
    [["--compare-torch=eager", "--rounds", "1"], /too few rounds/],
  ])("%j: exit 2 and a plain message", async (args, message) => {
    const err = captured();
    const terminal = { out: captured(), err, onSignal: () => () => {}, abort: () => {} };
    expect(await main(["bench", ...args], terminal)).toBe(2);
    expect(err.text).toMatch(message);
    expect(err.text).not.toMatch(/\n\s+at /);
  });

  it("runs itself again as another engine", { timeout: 120_000 }, async () => {
    const bench = ["bench", "--shape", TINY, "--engine", "tfjs-wasm", "--steps", "1", "--json"];
    const args = ["--import", "tsx", "src/cli.ts", ...bench, "--compare-engines", "tfjs-cpu"];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ engine: { name: "tfjs-wasm" }, torch: null, engines: { rounds: 3 } });
    expect(report.engines.modes).toMatchObject([{ mode: "tfjs-cpu", peer: null, device: "CPU, plain JavaScript" }]);
    expect(report.engines.modes[0].ratio).toBe(report.engines.modes[0].stepMs.median / report.engines.stepMs.median);
  });

  it("runs itself again as our side", { timeout: 120_000 }, async () => {
    using programs = fakePrograms(parameters);
    const bench = [
      "bench",
      "--shape",
      TINY,
      "--engine",
      "tfjs-cpu",
      "--steps",
      "1",
      "--json",
      "--compare-torch",
      "eager",
    ];
    const args = ["--import", "tsx", "src/cli.ts", ...bench, "--python", programs.python];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ engine: { name: "tfjs-cpu" }, steps: 1, torch: { rounds: 3 } });
    const [mode] = report.torch.modes;
    expect(mode).toMatchObject({ mode: "eager", peer: "pytorch 0.0", stepMs: { median: 20 } });
    expect(mode.ratio).toBe(20 / report.torch.stepMs.median);
  });
});
