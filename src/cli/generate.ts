/** `hephaestus generate`: continues prompts. */
import { type Command, Option } from "commander";
import { UserError } from "../base/errors.js";
import { generate, type ModelSource } from "../commands/generate.js";
import { ENGINE_KINDS, type EngineKind } from "../engine/select.js";
import {
  CHECKPOINT_HELP,
  examples,
  number,
  type PlanOptions,
  placesOf,
  planOf,
  type Terminal,
  wholeNumber,
  withOverrides,
  writer,
} from "./options.js";

interface GenerateArguments extends Omit<PlanOptions, "config"> {
  readonly config?: string;
  readonly model?: string;
  readonly engine: EngineKind;
  readonly checkpoint?: string;
  readonly prompt: readonly string[];
  readonly prompts?: string;
  readonly chat?: boolean;
  readonly messages?: string;
  readonly template?: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly json?: boolean;
}

export function addGenerate(root: Command, terminal: Terminal): void {
  const command = root
    .command("generate")
    .description("Continue prompts.")
    .option("-c, --config <file>", "the plan (YAML) whose model and tokenizer to use")
    .addOption(
      new Option(
        "--model <folder>",
        "instead of a plan: a checkpoint or a Hugging Face folder with its tokenizer.json",
      ).conflicts("config"),
    );
  withSampling(withPrompts(withOverrides(command)))
    .addHelpText(
      "after",
      examples(
        'generate --config configs/quickstart.yaml --prompt "The operation"',
        'generate --model checkpoints/quickstart/step-00000100 --prompt "One" --prompt "Two" --temperature 0',
        'generate --model ../Qwen3-0.6B --chat --prompt "What is a bucket?"',
        "generate --model ../Llama-3.2-1B --prompts prompts.jsonl --tokens 200 --json",
      ),
    )
    .action(async (options: GenerateArguments) => {
      const { topK = null, topP = null, tokens, temperature, seed, stop: stops, json = false } = options;
      await generate({
        ...{ model: await modelOf(options), topK, topP, tokens, temperature, seed, stops, json },
        ...{ prompts: options.prompt, promptsFile: options.prompts ?? null, template: options.template ?? null },
        ...{ messagesFile: options.messages ?? null, chat: options.chat === true || options.messages !== undefined },
        ...{ write: writer(terminal), progress: terminal.err, places: placesOf(terminal) },
      });
    });
}

/** What is continued. */
function withPrompts(command: Command): Command {
  return command
    .addOption(new Option("--engine <kind>", "with --model: the engine").choices(ENGINE_KINDS).default("auto"))
    .option("--checkpoint <folder>", `with a plan: ${CHECKPOINT_HELP}`)
    .addOption(repeatable("--prompt <text>", "what to continue; may be repeated").default([], "a new document"))
    .option("--prompts <file>", 'more of them: JSON lines, "a text" or { "prompt": "a text" } each')
    .option("--chat", "prompts are what a user says; the model answers in its own chat template")
    .option(
      "--messages <file>",
      "a conversation to answer, as JSON in OpenAI's form, with tools or without; implies --chat",
    )
    .option("--template <file>", "chat template to use (default: the one beside the tokenizer; `chatml` is built in)");
}

/** How, and what is shown. */
function withSampling(command: Command): Command {
  return command
    .option("--tokens <count>", "most tokens to add to each", wholeNumber, 100)
    .option("--temperature <value>", "0 takes the most likely token", number, 0.8)
    .option("--top-k <count>", "keep this many of the most likely tokens", wholeNumber)
    .option("--top-p <share>", "keep the fewest tokens that reach this probability", number)
    .option("--seed <number>", "equal seeds give equal text", wholeNumber, 0)
    .addOption(repeatable("--stop <text>", "end before this text; may be repeated").default([], "none"))
    .option("--json", "print texts, counts and speed as JSON when all are done");
}

function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before: readonly string[]) => {
    return [...before, value];
  });
}

async function modelOf(options: GenerateArguments): Promise<ModelSource> {
  const { config, set, model, checkpoint = null } = options;
  if (config !== undefined) return { plan: await planOf({ config, set }), checkpoint };
  const useless = [checkpoint === null ? null : "--checkpoint", set.length === 0 ? null : "--set"].filter(
    (option) => option !== null,
  );
  if (model === undefined)
    throw new UserError({ what: "which model?", hint: "name a plan with --config, or a folder with --model" });
  if (useless.length > 0)
    throw new UserError({ what: `${useless.join(" and ")} belong to a plan`, hint: "use --config instead of --model" });
  return { folder: model, engine: options.engine };
}
