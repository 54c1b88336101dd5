/** `hephaestus eval`: held-out losses of a checkpoint. */
import type { Command } from "commander";
import { evaluate } from "../commands/eval.js";
import {
  CHECKPOINT_HELP,
  examples,
  type PlanOptions,
  placesOf,
  planOf,
  type Terminal,
  wholeNumber,
  withPlan,
  writer,
} from "./options.js";

export function addEval(root: Command, terminal: Terminal): void {
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
