/** `hephaestus plan`: the resolved run before any step. */
import type { Command } from "commander";
import { plan } from "../commands/plan.js";
import { KNOWN_CARDS } from "../engine/native/cuda/cards.js";
import { examples, type PlanOptions, placesOf, planOf, type Terminal, withPlan, writer } from "./options.js";

export function addPlan(root: Command, terminal: Terminal): void {
  withPlan(root.command("plan"), "Show the resolved run before any step, and refuse one that the data cannot feed.")
    .option("--json", "print JSON")
    .option("--explain", "say why each stage has its schedule: its recipe, with sources")
    .option("--measure", "run a few micro-batches to estimate the time")
    .option("--card <name>", `plan for a card that is not here: ${KNOWN_CARDS.map(({ key }) => key).join(", ")}`)
    .addHelpText(
      "after",
      examples(
        "plan --config configs/quickstart.yaml --measure",
        "plan --config configs/quickstart.yaml --set stages[0].tokens=1M --json",
        "plan --config configs/quickstart.yaml --explain",
        "plan --config configs/cuda-8b.yaml --card h100-80gb",
      ),
    )
    .action(async (options: PlanOptions & { json?: true; measure?: true; explain?: true; card?: string }) => {
      const { json, measure, explain, card } = options;
      await plan(await planOf(options), {
        ...{ json: json === true, measure: measure === true, explain: explain === true, places: placesOf(terminal) },
        ...(card === undefined ? {} : { card }),
        write: writer(terminal),
      });
    });
}
