#!/usr/bin/env node
/** The command line: options in, one function of `commands/` called, errors turned into words and an exit code. */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { formatProblem, systemCode, UserError } from "./base/errors.js";
import { VERSION } from "./base/version.js";
import { addBench } from "./cli/bench.js";
import { addEval } from "./cli/eval.js";
import { addExport, addMerge } from "./cli/export.js";
import { addForge } from "./cli/forge.js";
import { addGenerate } from "./cli/generate.js";
import { addInspect } from "./cli/inspect.js";
import { addMix } from "./cli/mix.js";
import type { Terminal } from "./cli/options.js";
import { addPlan } from "./cli/plan.js";
import { addPrepare } from "./cli/prepare.js";
import { addTrain } from "./cli/train.js";

export type { Terminal } from "./cli/options.js";

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
  for (const add of [addForge, addPrepare, addInspect, addPlan, addTrain, addEval, addGenerate, addExport, addMerge])
    add(root, terminal);
  addBench(root, terminal, fileURLToPath(import.meta.url));
  addMix(root, terminal, fileURLToPath(import.meta.url));
  return root;
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
