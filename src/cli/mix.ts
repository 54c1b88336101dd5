/** `hephaestus mix`: the experiment that tells the mixture. */
import { type Command, InvalidArgumentError } from "commander";
import { readModelBase } from "../checkpoint/model-base.js";
import { mixSweep } from "../commands/mix-sweep.js";
import { loadSweep } from "../config/load-sweep.js";
import { addFit, addRecommend } from "./mix-laws.js";
import { examples, type PlanOptions, type Terminal, wholeNumber, withOverrides, writer } from "./options.js";

/** @param entry the file that this process runs, for the processes of the runs. */
export function addMix(root: Command, terminal: Terminal, entry: string): void {
  const mix = root
    .command("mix")
    .description("Find the mixture by experiment: sweep small runs, fit laws to them, ask for the best share.")
    .addHelpText(
      "after",
      examples(
        "mix sweep --config configs/mix-sample.yaml",
        "mix fit --config configs/mix-sample.yaml",
        "mix recommend --config configs/mix-sample.yaml --max-rise 3% --write plan.yaml",
      ),
    );
  addSweep(mix, terminal, entry);
  addFit(mix, terminal);
  addRecommend(mix, terminal);
}

function addSweep(mix: Command, terminal: Terminal, entry: string): void {
  withSweep(
    mix.command("sweep"),
    "Make the runs of a sweep: bases first, then every mixture. Killed or stopped, the same command goes on.",
  )
    .option("--devices <list>", "cards, one process each, such as 0,1,2,3 (default: one run after another)", devices)
    .addHelpText(
      "after",
      examples(
        "mix sweep --config configs/mix-sample.yaml",
        "mix sweep --config configs/mix-sample.yaml --set seeds=[1] --set continue.tokens=[300k]",
        "mix sweep --config sweep.yaml --devices 0,1,2,3",
      ),
    )
    .action(async ({ config, set, devices: cards }: PlanOptions & { devices?: readonly number[] }) => {
      const stop = new AbortController();
      const unlisten = terminal.onSignal(() => {
        if (stop.signal.aborted) terminal.abort();
        stop.abort();
        terminal.err.write("\nstopping after the steps under way; once more to stop at once\n");
      });
      try {
        await mixSweep(await loadSweep(config, set, { readBase: readModelBase }), {
          command: [process.execPath, ...process.execArgv, entry],
          devices: cards ?? null,
          stop: stop.signal,
          progress: terminal.err,
          write: writer(terminal),
        });
      } finally {
        unlisten();
      }
    });
}

function withSweep(command: Command, description: string): Command {
  return withOverrides(command.description(description).requiredOption("-c, --config <file>", "the sweep (YAML)"));
}

function devices(text: string): readonly number[] {
  const list = text.split(",").map((each) => wholeNumber(each));
  if (new Set(list).size < list.length) throw new InvalidArgumentError("each card once");
  return list;
}
