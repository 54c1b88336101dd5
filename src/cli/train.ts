/** `hephaestus train`: the run, with signals turned into a stop that saves. */
import type { Command } from "commander";
import { train } from "../train.js";
import { examples, type PlanOptions, placesOf, planOf, type Terminal, withPlan } from "./options.js";

export function addTrain(root: Command, terminal: Terminal): void {
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
