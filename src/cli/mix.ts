/** `hephaestus mix`: the experiment that tells the mixture. */
import type { Command } from "commander";
import { readModelBase } from "../checkpoint/model-base.js";
import { mixSweep } from "../commands/mix-sweep.js";
import { loadSweep } from "../config/load-sweep.js";
import { addExperiments } from "./mix-experiments.js";
import { addFit, addRecommend } from "./mix-laws.js";
import { type DeviceOptions, withDevices, withRuns, withSweep } from "./mix-options.js";
import { examples, type PlanOptions, type Terminal } from "./options.js";

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
  addExperiments(mix, terminal, entry);
}

function addSweep(mix: Command, terminal: Terminal, entry: string): void {
  withDevices(
    withSweep(
      mix.command("sweep"),
      "Make the runs of a sweep: bases first, then every mixture. Killed or stopped, the same command goes on.",
    ),
  )
    .addHelpText(
      "after",
      examples(
        "mix sweep --config configs/mix-sample.yaml",
        "mix sweep --config configs/mix-sample.yaml --set seeds=[1] --set continue.tokens=[300k]",
        "mix sweep --config sweep.yaml --devices 0,1,2,3",
      ),
    )
    .action(async ({ config, set, devices }: PlanOptions & DeviceOptions) => {
      const sweep = await loadSweep(config, set, { readBase: readModelBase });
      await withRuns(terminal, entry, devices, (options) => mixSweep(sweep, options));
    });
}
