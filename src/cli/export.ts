/** The options of `export` and `merge`, which write the same kind of folder. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Problem, UserError } from "../base/errors.js";
import { engineKindOf } from "../commands/bench.js";
import { exportFolder, mergeFolders, type WriteOptions } from "../commands/export.js";
import type { Plan } from "../config/plan.js";
import { parseBytes } from "../config/quantities.js";
import { VERIFICATIONS, type Verification } from "../export/export.js";
import type { Merge } from "../export/merge.js";
import { engineOptionsOf } from "../train/memory.js";
import { examples, number, placesOf, planOf, type Terminal, withOverrides, writer } from "./options.js";

interface WriteArguments {
  readonly output: string;
  readonly dtype: "bf16" | "f32";
  readonly maxShard: number;
  readonly verify: Verification;
  readonly engine?: string;
  readonly force?: true;
  readonly json?: true;
}

interface ExportArguments extends WriteArguments {
  readonly config?: string;
  readonly set: readonly string[];
  readonly checkpoint?: string;
}

export function addExport(root: Command, terminal: Terminal): void {
  const command = root
    .command("export")
    .description(
      "Write a model as a Hugging Face folder for inference (transformers, vLLM, llama.cpp's converter), and verify it.",
    )
    .option("-c, --config <file>", "take the newest whole checkpoint of this plan's run (YAML)");
  withWriting(
    withOverrides(command).option("--checkpoint <folder>", "or take this checkpoint or Hugging Face folder"),
    "logits",
  )
    .addHelpText(
      "after",
      examples(
        "export --config configs/quickstart.yaml --output exported",
        "export --checkpoint checkpoints/quickstart/step-00000100 --output exported --dtype f32",
      ),
    )
    .action(async (options: ExportArguments) => {
      const { config, set, checkpoint } = options;
      const problems: Problem[] = [];
      if ((config === undefined) === (checkpoint === undefined))
        problems.push({ what: "what is to be exported?", hint: "give either --config or --checkpoint" });
      if (config === undefined && set.length > 0) problems.push({ what: "--set changes a plan, and there is none" });
      if (problems.length > 0) throw new UserError(problems);
      const plan = config === undefined ? null : await planOf({ config, set });
      const source = checkpoint ?? plan;
      if (source !== null) await exportFolder(source, writing(options, terminal, plan));
    });
}

export function addMerge(root: Command, terminal: Terminal): void {
  const command = root
    .command("merge")
    .description("Merge models of one architecture and tokenizer, weight by weight, into a Hugging Face folder.")
    .addHelpText(
      "after",
      examples(
        "merge average runs/a/step-00000900 runs/a/step-00001000 --output averaged",
        "merge interpolate base tuned --alpha 0.3 --output between",
        "merge add-difference base instruct continued --output continued-instruct",
      ),
    );
  type Arguments = WriteArguments & { weights?: readonly number[]; alpha: number; scale: number };
  const run = (folders: readonly [string, ...string[]], merge: Merge, options: WriteArguments) =>
    mergeFolders(folders, merge, writing(options, terminal, null));
  withWriting(command.command("average <first> <others...>"), "tensors")
    .description("The mean of several models, such as the last checkpoints of a run.")
    .option("--weights <numbers>", "one for each folder, such as 1,1,2 (default: all alike)", numbers)
    .action(async (first: string, others: string[], options: Arguments) => {
      const weights = options.weights ?? [first, ...others].map(() => 1);
      await run([first, ...others], { kind: "average", weights }, options);
    });
  withWriting(command.command("interpolate <base> <tuned>"), "tensors")
    .description("A point between two models: base + alpha (tuned - base) (WiSE-FT).")
    .requiredOption("--alpha <share>", "0 is the base, 1 the tuned one", number)
    .action(async (base: string, tuned: string, options: Arguments) => {
      await run([base, tuned], { kind: "interpolate", alpha: options.alpha }, options);
    });
  withWriting(command.command("add-difference <base> <tuned> <other>"), "tensors")
    .description(
      "Re-apply a difference: other + scale (tuned - base), such as a base's instruction tuning (task arithmetic).",
    )
    .option("--scale <factor>", "of the difference", number, 1)
    .action(async (base: string, tuned: string, other: string, options: Arguments) => {
      await run([base, tuned, other], { kind: "add-difference", scale: options.scale }, options);
    });
}

function withWriting(command: Command, verify: Verification): Command {
  return command
    .requiredOption("-o, --output <folder>", "the folder to make")
    .addOption(new Option("--dtype <type>", "type of the weights").choices(["bf16", "f32"]).default("bf16"))
    .option("--max-shard <bytes>", "most of one file, such as 5GB or 500MiB", bytes, 5e9)
    .addOption(
      new Option(
        "--verify <what>",
        "read every tensor back, and compare an engine's logits from the files with the model's own",
      )
        .choices([...VERIFICATIONS])
        .default(verify),
    )
    .option("--engine <kind>", "what computes the logits, as in the plan (default: the plan's, or auto)")
    .option("--force", "replace an exported folder of this name")
    .option("--json", "print JSON");
}

function writing(options: WriteArguments, terminal: Terminal, plan: Plan | null): WriteOptions {
  const { output, dtype, maxShard, verify, engine, force, json } = options;
  const places = placesOf(terminal);
  const planned = plan === null ? { kind: "auto" as const, places } : engineOptionsOf(plan, places);
  return {
    ...{ output, maxShardBytes: maxShard, verify, force: force === true, json: json === true },
    dtype: dtype === "bf16" ? "BF16" : "F32",
    engine: engine === undefined ? planned : { ...planned, kind: engineKindOf(engine) },
    ...{ progress: terminal.err, write: writer(terminal) },
  };
}

function bytes(text: string): number {
  const value = parseBytes(text);
  if (value === null || value === 0) throw new InvalidArgumentError("expected a size, such as 5GB");
  return value;
}

function numbers(text: string): readonly number[] {
  return text.split(",").map(number);
}
