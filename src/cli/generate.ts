/** `hephaestus generate`: continues a prompt. */
import { type Command, Option } from "commander";
import { generate } from "../commands/generate.js";
import {
  CHECKPOINT_HELP,
  examples,
  number,
  type PlanOptions,
  placesOf,
  planOf,
  type Terminal,
  wholeNumber,
  withPlan,
  writer,
} from "./options.js";

interface GenerateArguments extends PlanOptions {
  readonly prompt: string;
  readonly checkpoint?: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed: number;
}

export function addGenerate(root: Command, terminal: Terminal): void {
  withPlan(root.command("generate"), "Continue a prompt.")
    .addOption(new Option("--prompt <text>", "what to continue").default("", "a new document"))
    .option("--checkpoint <folder>", CHECKPOINT_HELP)
    .option("--tokens <count>", "most tokens to add", wholeNumber, 100)
    .option("--temperature <value>", "0 takes the most likely token", number, 0.8)
    .option("--top-k <count>", "keep this many of the most likely tokens", wholeNumber)
    .option("--top-p <share>", "keep the fewest tokens that reach this probability", number)
    .option("--seed <number>", "equal seeds give equal text", wholeNumber, 0)
    .addHelpText(
      "after",
      examples(
        'generate --config configs/quickstart.yaml --prompt "The operation"',
        "generate --config configs/quickstart.yaml --temperature 0 --tokens 50",
      ),
    )
    .action(async (options: GenerateArguments) => {
      const { checkpoint = null, topK = null, topP = null, prompt, tokens, temperature, seed } = options;
      const write = writer(terminal);
      await generate(await planOf(options), {
        ...{ checkpoint, topK, topP, prompt, tokens, temperature, seed, write },
        places: placesOf(terminal),
      });
    });
}
