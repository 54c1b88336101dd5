/** The options of `bench`: where its shape comes from, and how to run itself again beside PyTorch. */
import { type Command, Option } from "commander";
import { type Problem, UserError } from "../base/errors.js";
import { defaultSides } from "../bench/curve.js";
import type { MemoryRequest } from "../bench/prediction.js";
import { type BenchShape, DEFAULT_SHAPE, parseShape } from "../bench/shape.js";
import { SHAPE_NAMES } from "../bench/shapes.js";
import { TORCH_DTYPES, type TorchDtype, type TorchModeName } from "../bench/torch.js";
import { bench, benchCurve, benchDecoding, benchShapeOf, engineKindOf, engineNamesOf } from "../commands/bench.js";
import { RECOMPUTATIONS } from "../engine/native/activations.js";
import type { PrecisionRequest } from "../engine/native/precision.js";
import type { EngineKind } from "../engine/select.js";
import { examples, placesOf, planOf, type Terminal, wholeNumber, withOverrides, writer } from "./options.js";

const PRECISIONS: readonly string[] = ["auto", "fp32", "bf16"];

interface BenchArguments {
  readonly config?: string;
  readonly set: readonly string[];
  readonly shape?: string;
  readonly engine?: string;
  readonly steps: number;
  readonly json?: true;
  readonly seconds: number;
  readonly precision?: PrecisionRequest["precision"];
  readonly optimizerMemory?: PrecisionRequest["optimizerMemory"];
  readonly recomputation?: MemoryRequest["recomputation"];
  readonly saving?: true;
  readonly cold?: true;
  readonly decode?: true;
  readonly curve?: number;
  readonly curveSides?: string;
  readonly torchDtype?: TorchDtype;
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
    .option(
      "--shape <sizes>",
      `or of a line, also with kv=, accumulate=, tied=1, or of a name: ${SHAPE_NAMES.join(", ")} (default: ${DEFAULT_SHAPE})`,
    )
    .option("--engine <kind>", "as in the plan (default: the plan's, or auto)")
    .option("--steps <count>", "steps to time", wholeNumber, 15)
    .option("--seconds <count>", "end with the step that is under way then", wholeNumber, 60)
    .option("--json", "print JSON")
    .addOption(choice("--precision <type>", "what a native engine computes in", PRECISIONS))
    .addOption(choice("--optimizer-memory <type>", "what its optimizer keeps", PRECISIONS))
    .addOption(choice("--recomputation <mode>", "what it computes again", ["auto", ...RECOMPUTATIONS]))
    .option("--decode", "instead decode with all rows: tokens a second, and what memory allows")
    .option("--cold", "first measure a start with nothing compiled before, in a home of its own")
    .option("--saving", "measure what copying weights and moments out costs a step");
  withComparison(command)
    .addHelpText(
      "after",
      examples(
        "bench --compare-torch",
        "bench --shape width=128,layers=4,heads=4,ff=344,vocab=4096,batch=16,length=128 --json",
        "bench --config configs/quickstart.yaml --compare-engines tfjs-wasm",
        "bench --engine native-cuda --shape llama-1.2b,batch=2 --precision bf16 --compare-torch compile",
        "bench --engine native-cuda --shape gpt-124m,batch=8 --curve 500",
        "bench --decode --shape gpt-124m,batch=1,length=512 --steps 50",
      ),
    )
    .action((options: BenchArguments) => run(options, terminal, entry));
}

/** What runs beside our side. */
function withComparison(command: Command): Command {
  return command
    .option("--compare-engines <kinds>", "run other engines on the same shape, in turn with ours, such as tfjs-wasm")
    .addOption(
      new Option("--compare-torch [mode]", "run PyTorch on the same shape, in turn with ours")
        .choices(["eager", "compile", "both"])
        .preset("both"),
    )
    .addOption(
      new Option("--torch-dtype <type>", "what PyTorch keeps its numbers in (default: as our side)").choices([
        ...TORCH_DTYPES,
      ]),
    )
    .option("--curve <steps>", "instead compare loss curves of several sides on text that can be learned", wholeNumber)
    .option(
      "--curve-sides <sides>",
      "the first is the reference, such as native-cuda:fp32,native-cuda:bf16,torch:master",
    )
    .option("--rounds <count>", "processes of each side, at least 3", wholeNumber, 3)
    .addOption(
      new Option("--python <path>", "interpreter that has PyTorch").env("HEPHAESTUS_PYTHON").default("python3"),
    );
}

/** An option that a plan has too. */
function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, `${description}, as in the plan (default: the plan's)`).choices([...choices]);
}

async function run(options: BenchArguments, terminal: Terminal, entry: string): Promise<void> {
  const { shape, engine, memory } = await target(options, terminal);
  const { steps, seconds, curve, curveSides, compareTorch, compareEngines, torchDtype, python, rounds } = options;
  const output = { json: options.json === true, progress: terminal.err, write: writer(terminal) };
  if (curve !== undefined) {
    const sides = curveSides?.split(",").map((side) => side.trim()) ?? defaultSides(engine);
    await benchCurve(shape, { steps: curve, sides, memory, python, ...output });
    return;
  }
  if (options.decode === true) {
    await benchDecoding(shape, { engine, steps, memory, ...output });
    return;
  }
  const modes: readonly TorchModeName[] =
    compareTorch === undefined ? [] : compareTorch === "both" ? ["eager", "compile"] : [compareTorch];
  const engines = compareEngines === undefined ? [] : engineNamesOf(compareEngines);
  const own = [process.execPath, ...process.execArgv, entry, ...ownArguments(options)];
  const torch = modes.length === 0 ? null : { modes, python, dtype: torchDtype ?? null };
  await bench(shape, {
    ...{ engine, steps, memory, limitMs: 1000 * seconds, ...output },
    ...{ saving: options.saving === true, cold: options.cold === true ? own : null },
    compared: torch === null && engines.length === 0 ? null : { engines, torch, rounds, own },
  });
}

interface Target {
  readonly shape: BenchShape;
  readonly engine: EngineKind;
  readonly memory: MemoryRequest;
}

async function target(options: BenchArguments, terminal: Terminal): Promise<Target> {
  const { config, set, shape, engine, recomputation, precision, optimizerMemory } = options;
  const problems: Problem[] = [];
  if (config !== undefined && shape !== undefined)
    problems.push({ what: "--config and --shape both say what to run", hint: "give one of them" });
  if (config === undefined && set.length > 0)
    problems.push({ what: "--set changes a plan, and there is none", hint: "give --config, or sizes in --shape" });
  if (problems.length > 0) throw new UserError(problems);
  const asked = engine === undefined ? null : engineKindOf(engine);
  const places = placesOf(terminal);
  const given = {
    ...(recomputation === undefined ? {} : { recomputation }),
    ...(precision === undefined ? {} : { precision }),
    ...(optimizerMemory === undefined ? {} : { optimizerMemory }),
  };
  if (config === undefined) {
    const memory: MemoryRequest = { recomputation: "auto", memory: null, places, ...given };
    return { shape: parseShape(shape ?? DEFAULT_SHAPE), engine: asked ?? "auto", memory };
  }
  const plan = await planOf({ config, set });
  const { kind, microBatchRows: _, ...planned } = plan.engine;
  return { shape: await benchShapeOf(plan), engine: asked ?? kind, memory: { ...planned, places, ...given } };
}

/** `cold` is the caller's, and comparing too. */
function ownArguments(options: BenchArguments): string[] {
  const { config, set, shape, engine, recomputation, precision, optimizerMemory, steps, seconds, saving } = options;
  const given = {
    ...{ config, shape, engine, recomputation, precision, "optimizer-memory": optimizerMemory },
    ...{ steps: String(steps), seconds: String(seconds) },
  };
  const pairs = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
  return ["bench", "--json", ...(saving === true ? ["--saving"] : []), ...pairs, ...set.map((each) => `--set=${each}`)];
}
