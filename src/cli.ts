#!/usr/bin/env node
/** The command line: options in, one function of `commands/` called, errors turned into words and an exit code. */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, CommanderError, Option } from "commander";
import { formatProblem, systemCode, UserError } from "./base/errors.js";
import { ProgressLine } from "./base/report.js";
import { VERSION } from "./base/version.js";
import { addBench } from "./cli/bench.js";
import {
  examples,
  number,
  type PlanOptions,
  placesOf,
  planOf,
  type Terminal,
  wholeNumber,
  withPlan,
  writer,
} from "./cli/options.js";
import { evaluate } from "./commands/eval.js";
import { generate } from "./commands/generate.js";
import { inspect } from "./commands/inspect.js";
import { plan } from "./commands/plan.js";
import { prepare } from "./commands/prepare.js";
import { loadTokenizer } from "./data/tokenizer/tokenizer.js";
import { KNOWN_CARDS } from "./engine/native/cuda/cards.js";
import { train } from "./train.js";

export type { Terminal } from "./cli/options.js";

interface GenerateArguments extends PlanOptions {
  readonly prompt: string;
  readonly checkpoint?: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed: number;
}

const CHECKPOINT_HELP = "a checkpoint or a Hugging Face folder (default: the run's newest whole one)";

/** Runs one command and returns the exit code: 0 done, 1 our fault, 2 the user's. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await program(terminal).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UserError) {
      for (const problem of error.problems) terminal.err.write(`error: ${formatProblem(problem)}\n`);
      return 2;
    }
    terminal.err.write(`This is a fault of hephaestus, not of yours. Please report it with the lines below.\n`);
    terminal.err.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    for (let cause = causeOf(error); cause !== null; cause = causeOf(cause))
      terminal.err.write(`caused by: ${cause.stack ?? cause.message}\n`);
    return 1;
  }
}

function causeOf(error: unknown): Error | null {
  return error instanceof Error && error.cause instanceof Error ? error.cause : null;
}

function program(terminal: Terminal): Command {
  const root = new Command("hephaestus")
    .description(
      "Continual pre-training for decoder-only language models: mixture, exact resume, proof of what was gained and forgotten.",
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.out.write(text),
      writeErr: (text) => void terminal.err.write(text),
    })
    .addHelpText(
      "after",
      "\nExamples:\n  hephaestus prepare --config configs/quickstart.yaml\n  hephaestus plan --config configs/quickstart.yaml\n  hephaestus train --config configs/quickstart.yaml",
    );
  for (const add of [addPrepare, addInspect, addPlan, addTrain, addEval, addGenerate]) add(root, terminal);
  addBench(root, terminal, fileURLToPath(import.meta.url));
  return root;
}

function addPrepare(root: Command, terminal: Terminal): void {
  withPlan(
    root.command("prepare"),
    "Train or load the tokenizer and turn the plan's documents into Arrow token shards.",
  )
    .option("--workers <count>", "worker threads (default: one per core)", wholeNumber)
    .option("--skip-invalid <share>", "skip unreadable records up to this share of them, such as 0.01", number, 0)
    .option("--force", "write everything again")
    .addHelpText(
      "after",
      examples(
        "prepare --config configs/quickstart.yaml",
        "prepare --config plan.yaml --workers 8 --skip-invalid 0.001",
      ),
    )
    .action(async (options: PlanOptions & { workers?: number; skipInvalid: number; force?: true }) => {
      const { workers = null, skipInvalid, force } = options;
      using line = new ProgressLine(terminal.err);
      const write = (text: string) => {
        line.clear();
        terminal.out.write(`${text}\n`);
      };
      const progress = (text: string) => line.update(text);
      await prepare(await planOf(options), { workers, skipInvalid, force: force === true, write, progress });
    });
}

function addInspect(root: Command, terminal: Terminal): void {
  root
    .command("inspect")
    .description("Show what is in token shards: header, counts, hashes, decoded windows.")
    .argument("<path>", "a shard, a folder of shards, or a folder written by datasets.save_to_disk")
    .option("--check", "read everything: ids, offsets, hashes")
    .option("--windows <count>", "windows to show", wholeNumber, 3)
    .option("--tokenizer <file>", "tokenizer.json to decode them with (default: the ids)")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples(
        "inspect data/quickstart/agent/train --tokenizer data/quickstart/tokenizer.json",
        "inspect data/quickstart/text/train/part-00000.arrow --check",
      ),
    )
    .action(async (path: string, options: { check?: true; windows: number; tokenizer?: string; json?: true }) => {
      const tokenizer = options.tokenizer === undefined ? null : await loadTokenizer(options.tokenizer);
      await inspect(path, {
        check: options.check === true,
        windows: options.windows,
        decode: tokenizer === null ? null : (ids) => tokenizer.decode(ids),
        json: options.json === true,
        write: writer(terminal),
      });
    });
}

function addPlan(root: Command, terminal: Terminal): void {
  withPlan(root.command("plan"), "Show the resolved run before any step, and refuse one that the data cannot feed.")
    .option("--json", "print JSON")
    .option("--measure", "run a few micro-batches to estimate the time")
    .option("--card <name>", `plan for a card that is not here: ${KNOWN_CARDS.map(({ key }) => key).join(", ")}`)
    .addHelpText(
      "after",
      examples(
        "plan --config configs/quickstart.yaml --measure",
        "plan --config configs/quickstart.yaml --set stages[0].tokens=1M --json",
        "plan --config configs/cuda-8b.yaml --card h100-80gb",
      ),
    )
    .action(async (options: PlanOptions & { json?: true; measure?: true; card?: string }) => {
      const { json, measure, card } = options;
      await plan(await planOf(options), {
        ...{ json: json === true, measure: measure === true, places: placesOf(terminal) },
        ...(card === undefined ? {} : { card }),
        write: writer(terminal),
      });
    });
}

function addTrain(root: Command, terminal: Terminal): void {
  withPlan(
    root.command("train"),
    "Train the plan. Ctrl-C finishes the step, saves and says how to go on; a second one stops at once.",
  )
    .option(
      "--resume <checkpoint>",
      "go on exactly from a checkpoint's folder, or `auto` for the run's newest whole one",
    )
    .addHelpText(
      "after",
      examples("train --config configs/quickstart.yaml", "train --config configs/quickstart.yaml --resume auto"),
    )
    .action(async (options: PlanOptions & { resume?: string }) => {
      const stop = { requested: false };
      const unlisten = terminal.onSignal(() => {
        if (stop.requested) terminal.abort();
        stop.requested = true;
        terminal.err.write("\nstopping after this step; once more to stop at once\n");
      });
      try {
        const outcome = await train(await planOf(options), {
          resume: options.resume ?? null,
          stop,
          progress: terminal.err,
          places: placesOf(terminal),
        });
        const command = ["hephaestus train --config", options.config, ...options.set.map((set) => `--set ${set}`)].join(
          " ",
        );
        const next =
          outcome.status === "finished"
            ? "finished"
            : `interrupted after step ${outcome.step}; go on with:\n  ${command} --resume auto`;
        terminal.out.write(`${next}\n${outcome.checkpoint === null ? "" : `last checkpoint: ${outcome.checkpoint}\n`}`);
      } finally {
        unlisten();
      }
    });
}

function addEval(root: Command, terminal: Terminal): void {
  withPlan(root.command("eval"), "Held-out loss and bits per byte of every domain for a checkpoint.")
    .option("--checkpoint <folder>", CHECKPOINT_HELP)
    .option("--tokens <count>", "held-out tokens of each domain (default: the plan's)", wholeNumber)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples(
        "eval --config configs/quickstart.yaml",
        "eval --config configs/quickstart.yaml --checkpoint checkpoints/quickstart/step-00000100",
      ),
    )
    .action(async (options: PlanOptions & { checkpoint?: string; tokens?: number; json?: true }) => {
      const { checkpoint = null, tokens = null } = options;
      const json = options.json === true;
      const write = writer(terminal);
      await evaluate(await planOf(options), {
        ...{ checkpoint, tokens, json, progress: terminal.err, write },
        places: placesOf(terminal),
      });
    });
}

function addGenerate(root: Command, terminal: Terminal): void {
  withPlan(root.command("generate"), "Continue a prompt.")
    .addOption(new Option("--prompt <text>", "what to continue").default("", "a new document"))
    .option("--checkpoint <folder>", CHECKPOINT_HELP)
    .option("--tokens <count>", "most tokens to add", wholeNumber, 100)
    .option("--temperature <value>", "0 takes the most likely token", number, 0.8)
    .option("--top-k <count>", "keep this many of the most likely tokens", wholeNumber)
    .option("--top-p <share>", "keep the fewest tokens that reach this probability", number)
    .option("--seed <number>", "equal seeds give equal text", wholeNumber, 0)
    .addHelpText(
      "after",
      examples(
        'generate --config configs/quickstart.yaml --prompt "The operation"',
        "generate --config configs/quickstart.yaml --temperature 0 --tokens 50",
      ),
    )
    .action(async (options: GenerateArguments) => {
      const { checkpoint = null, topK = null, topP = null, prompt, tokens, temperature, seed } = options;
      const write = writer(terminal);
      await generate(await planOf(options), {
        ...{ checkpoint, topK, topP, prompt, tokens, temperature, seed, write },
        places: placesOf(terminal),
      });
    });
}

function onSignal(callback: () => void): () => void {
  process.on("SIGINT", callback);
  process.on("SIGTERM", callback);
  return () => {
    process.off("SIGINT", callback);
    process.off("SIGTERM", callback);
  };
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  // TensorFlow writes about its own optimisations to stderr; its warnings and errors still come through. oneDNN announces itself whatever
  // the level, and was measured no faster at the sizes that fit a CPU.
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "1";
  process.env["TF_ENABLE_ONEDNN_OPTS"] ??= "0";
  // Float32 means float32: without this, Ampere and later cards would round the factors of products to TF32's ten bits.
  process.env["NVIDIA_TF32_OVERRIDE"] ??= "0";
  // A reader that closes the pipe early (`| head`) has what it wanted.
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error) => process.exit(systemCode(error) === "EPIPE" ? 0 : 1));
  const terminal = {
    ...{ out: process.stdout, err: process.stderr, onSignal, abort: () => process.exit(130) },
    environment: process.env,
  };
  process.exitCode = await main(process.argv.slice(2), terminal);
}
