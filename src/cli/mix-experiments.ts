/** `hephaestus mix price` and `mix doremi`: experiments on the bases of a sweep. */
import type { Command } from "commander";
import { readModelBase } from "../checkpoint/model-base.js";
import { mixDoReMi } from "../commands/mix-doremi.js";
import { mixPrice } from "../commands/mix-price.js";
import { loadSweep } from "../config/load-sweep.js";
import { type DeviceOptions, withDevices, withRuns, withSweep } from "./mix-options.js";
import { examples, type PlanOptions, type Terminal } from "./options.js";

/** @param entry the file that this process runs, for the processes of the runs. */
export function addExperiments(mix: Command, terminal: Terminal, entry: string): void {
  addPrice(mix, terminal, entry);
  addDoReMi(mix, terminal, entry);
}

function addPrice(mix: Command, terminal: Terminal, entry: string): void {
  withDevices(
    withSweep(
      mix.command("price"),
      "Price data sources: anneal a base with a share of each and without any, and compare. Stopped, the same command goes on.",
    ),
  )
    .addHelpText(
      "after",
      examples(
        "mix price --config configs/mix-sample.yaml",
        "mix price --config configs/mix-sample.yaml --set price.share=50% --set price.tokens=600k",
        "mix price --config configs/mix-sample.yaml --set price.from=checkpoints/quickstart/step-00000400",
      ),
    )
    .action(async ({ config, set, devices }: PlanOptions & DeviceOptions) => {
      const sweep = await loadSweep(config, set, { readBase: readModelBase, experiment: "price" });
      await withRuns(terminal, entry, devices, (options) => mixPrice(sweep, options));
    });
}

function addDoReMi(mix: Command, terminal: Terminal, entry: string): void {
  withSweep(
    mix.command("doremi"),
    "Weigh domains in rounds: where a proxy is furthest behind a reference, it reads more. Stopped, the same command goes on.",
  )
    .addHelpText(
      "after",
      examples(
        "mix doremi --config configs/mix-sample.yaml",
        "mix doremi --config configs/mix-sample.yaml --set doremi.rounds=20 --set doremi.rate=2",
      ),
    )
    .action(async ({ config, set }: PlanOptions) => {
      const sweep = await loadSweep(config, set, { readBase: readModelBase, experiment: "doremi" });
      await withRuns(terminal, entry, undefined, (options) => mixDoReMi(sweep, options));
    });
}
