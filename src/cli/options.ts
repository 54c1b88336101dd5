/** What several commands of the command line share: the terminal, the plan's options, numbers, examples. */
import { type Command, InvalidArgumentError } from "commander";
import { readModelBase } from "../checkpoint/model-base.js";
import { loadPlan } from "../config/load.js";
import type { Plan } from "../config/plan.js";
import { placesFrom } from "../engine/native/cuda/ffi/libraries.js";
import type { Places } from "../engine/select.js";

/** What the commands read and write, so that tests can look at it. */
export interface Terminal {
  readonly out: { write(text: string): unknown };
  readonly err: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  /** Calls back on SIGINT and SIGTERM; returns how to stop listening. */
  onSignal(callback: () => void): () => void;
  /** Ends the process without any clean-up. */
  abort(): void;
  /** The process's variables; absent: none. Only the places of a card's libraries are looked for in them. */
  readonly environment?: Environment;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a card's libraries may be. */
export function placesOf({ environment = {} }: Terminal): Places {
  return placesFrom(environment);
}

export const CHECKPOINT_HELP = "a checkpoint or a Hugging Face folder (default: the run's newest whole one)";

export interface PlanOptions {
  readonly config: string;
  readonly set: readonly string[];
}

export function withPlan(command: Command, description: string): Command {
  return withOverrides(command.description(description).requiredOption("-c, --config <file>", "the plan (YAML)"));
}

export function withOverrides(command: Command): Command {
  return command.option(
    "--set <path=value>",
    "override a value of the plan; may be repeated",
    (value: string, before: readonly string[]) => [...before, value],
    [],
  );
}

export async function planOf(options: PlanOptions): Promise<Plan> {
  return (await loadPlan(options.config, options.set, { readBase: readModelBase })).plan;
}

export function writer(terminal: Terminal): (text: string) => void {
  return (text) => void terminal.out.write(text);
}

export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  hephaestus ${line}`).join("\n")}`;
}

export function wholeNumber(text: string): number {
  const value = number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("expected a number");
  return value;
}
