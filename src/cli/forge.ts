/** `hephaestus forge`: sources into a corpus. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { ProgressLine } from "../base/report.js";
import { forge, forgePhaseNames, forgeSample } from "../commands/forge.js";
import { loadForgePlan } from "../config/load-forge.js";
import type { Part } from "../corpus/forge/run.js";
import { examples, type PlanOptions, type Terminal, wholeNumber, withPlan } from "./options.js";

interface Options extends PlanOptions {
  readonly part: Part;
  readonly workers?: number;
  readonly phase?: string;
  readonly until?: string;
  readonly phases?: true;
  readonly sample?: string;
  readonly dropped?: true;
  readonly source?: string;
  readonly count: number;
  readonly seed: number;
}

export function addForge(root: Command, terminal: Terminal): void {
  withPlan(root.command("forge"), "Make a corpus: sources into clean, deduplicated, accounted domain files.")
    .option("--part <i/n>", "run the partitions of part i of n; all parts share the work folder", part, {
      index: 0,
      of: 1,
    })
    .option("--workers <count>", "threads (default: one per core)", wholeNumber)
    .option("--until <step>", "stop after this step")
    .addOption(new Option("--phase <name>", "run one phase only, as listed by --phases").conflicts("until"))
    .option("--phases", "list the phases in order, each with its number of tasks")
    .option("--sample <step>", "show random documents as this step left them")
    .option("--dropped", "with --sample: what the step dropped, and why")
    .option("--source <name>", "with --sample: of this source only")
    .option("--count <number>", "with --sample: how many", wholeNumber, 20)
    .option("--seed <number>", "with --sample: another seed shows other documents", wholeNumber, 0)
    .addHelpText(
      "after",
      examples(
        "forge --config configs/forge-sample.yaml",
        "forge --config forge.yaml --sample dedup --dropped",
        "forge --config forge.yaml --set skip=[filter] --set output=data/unfiltered",
        "forge --config forge.yaml --part 3/16",
      ),
    )
    .action(async (options: Options) => {
      using line = new ProgressLine(terminal.err);
      const write = (text: string) => {
        line.clear();
        terminal.out.write(`${text}\n`);
      };
      const io = { write, progress: (text: string) => line.update(text) };
      const plan = await loadForgePlan(options.config, options.set);
      const { sample, phases, part, workers = null, phase = null, until = null } = options;
      if (phases) for (const name of await forgePhaseNames(plan, io)) write(name);
      else if (sample !== undefined) {
        const { dropped, count, seed, source = null } = options;
        await forgeSample(plan, { step: sample, what: dropped ? "dropped" : "kept", count, seed, source }, io);
      } else await forge(plan, { part, workers, phase, until, ...io });
    });
}

function part(text: string): Part {
  const [, index, of] = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text) ?? [];
  if (index === undefined || Number(index) > Number(of))
    throw new InvalidArgumentError("expected i/n with i from 1 to n, such as 3/16");
  return { index: Number(index) - 1, of: Number(of) };
}
