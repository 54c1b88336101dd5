/** The options of `bench`: where its shape comes from, and how to run itself again beside PyTorch. */
import { type Command, Option } from "commander";
import { type Problem, UserError } from "../base/errors.js";
import type { MemoryRequest } from "../bench/prediction.js";
import { type BenchShape, DEFAULT_SHAPE, parseShape } from "../bench/shape.js";
import type { TorchModeName } from "../bench/torch.js";
import { bench, benchShapeOf, engineKindOf, engineNamesOf } from "../commands/bench.js";
import { RECOMPUTATIONS } from "../engine/native/activations.js";
import type { EngineKind } from "../engine/select.js";
import { examples, planOf, type Terminal, wholeNumber, withOverrides, writer } from "./options.js";

interface BenchArguments {
  readonly config?: string;
  readonly set: readonly string[];
  readonly shape?: string;
  readonly engine?: string;
  readonly steps: number;
  readonly json?: true;
  readonly recomputation?: MemoryRequest["recomputation"];
  readonly compareEngines?: string;
  readonly compareTorch?: TorchModeName | "both";
  readonly rounds: number;
  readonly python: string;
}

/** @param entry path of the command line itself, to be run again. */
export function addBench(root: Command, terminal: Terminal, entry: string): void {
  const command = root
    .command("bench")
    .description("Measure training steps on made-up tokens: speed, share of what the machine can do, memory.")
    .option("-c, --config <file>", "take the shape of a plan's first stage (YAML)");
  withOverrides(command)
    .option("--shape <sizes>", `or of a line; also kv=, accumulate=, tied=1 (default: ${DEFAULT_SHAPE})`)
    .option("--engine <kind>", "as in the plan (default: the plan's, or auto)")
    .option("--steps <count>", "steps to time", wholeNumber, 15)
    .option("--json", "print JSON")
    .addOption(
      new Option(
        "--recomputation <mode>",
        "what a native engine computes again, as in the plan (default: the plan's)",
      ).choices(["auto", ...RECOMPUTATIONS]),
    )
    .option("--compare-engines <kinds>", "run other engines on the same shape, in turn with ours, such as tfjs-wasm")
    .addOption(
      new Option("--compare-torch [mode]", "run PyTorch on the same shape, in turn with ours")
        .choices(["eager", "compile", "both"])
        .preset("both"),
    )
    .option("--rounds <count>", "processes of each side, at least 3", wholeNumber, 3)
    .addOption(
      new Option("--python <path>", "interpreter that has PyTorch").env("HEPHAESTUS_PYTHON").default("python3"),
    )
    .addHelpText(
      "after",
      examples(
        "bench --compare-torch",
        "bench --shape width=128,layers=4,heads=4,ff=344,vocab=4096,batch=16,length=128 --json",
        "bench --config configs/quickstart.yaml --compare-engines tfjs-wasm",
      ),
    )
    .action((options: BenchArguments) => run(options, terminal, entry));
}

async function run(options: BenchArguments, terminal: Terminal, entry: string): Promise<void> {
  const { shape, engine, memory } = await target(options);
  const { steps, compareTorch, compareEngines, python, rounds } = options;
  const modes: readonly TorchModeName[] =
    compareTorch === undefined ? [] : compareTorch === "both" ? ["eager", "compile"] : [compareTorch];
  const engines = compareEngines === undefined ? [] : engineNamesOf(compareEngines);
  const own = [process.execPath, ...process.execArgv, entry, ...ownArguments(options)];
  const torch = modes.length === 0 ? null : { modes, python };
  await bench(shape, {
    engine,
    steps,
    json: options.json === true,
    memory,
    compared: torch === null && engines.length === 0 ? null : { engines, torch, rounds, own },
    progress: terminal.err,
    write: writer(terminal),
  });
}

interface Target {
  readonly shape: BenchShape;
  readonly engine: EngineKind;
  readonly memory: MemoryRequest;
}

async function target({ config, set, shape, engine, recomputation }: BenchArguments): Promise<Target> {
  const problems: Problem[] = [];
  if (config !== undefined && shape !== undefined)
    problems.push({ what: "--config and --shape both say what to run", hint: "give one of them" });
  if (config === undefined && set.length > 0)
    problems.push({ what: "--set changes a plan, and there is none", hint: "give --config, or sizes in --shape" });
  if (problems.length > 0) throw new UserError(problems);
  const asked = engine === undefined ? null : engineKindOf(engine);
  if (config === undefined) {
    const memory = { recomputation: recomputation ?? "auto", memory: null };
    return { shape: parseShape(shape ?? DEFAULT_SHAPE), engine: asked ?? "auto", memory };
  }
  const plan = await planOf({ config, set });
  const { kind, memory, recomputation: planned } = plan.engine;
  return {
    shape: await benchShapeOf(plan),
    engine: asked ?? kind,
    memory: { recomputation: recomputation ?? planned, memory },
  };
}

function ownArguments({ config, set, shape, engine, recomputation, steps }: BenchArguments): string[] {
  const given = { config, shape, engine, recomputation, steps: String(steps) };
  const pairs = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
  return ["bench", "--json", ...pairs, ...set.map((each) => `--set=${each}`)];
}
