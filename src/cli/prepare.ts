/** `hephaestus prepare`: documents into tokenizer and shards. */
import type { Command } from "commander";
import { ProgressLine } from "../base/report.js";
import { prepare } from "../commands/prepare.js";
import { examples, number, type PlanOptions, planOf, type Terminal, wholeNumber, withPlan } from "./options.js";

export function addPrepare(root: Command, terminal: Terminal): void {
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
