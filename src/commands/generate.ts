/** `hephaestus generate`: continues prompts, all of them together, streamed as they are made. */
import { join } from "node:path";
import { type Problem, UserError } from "../base/errors.js";
import { ProgressLine, type ProgressStream } from "../base/report.js";
import type { Plan } from "../config/plan.js";
import type { ChatTemplate } from "../data/chat/chat-template.js";
import { loadChatTemplate } from "../data/chat/chat-template-file.js";
import { chatInput } from "../data/chat/samples.js";
import { loadTokenizer, type Tokenizer } from "../data/tokenizer/tokenizer.js";
import type { EngineKind, Places } from "../engine/select.js";
import { endOfTurn, endTokensOf } from "../eval/end-tokens.js";
import { type Continuation, type Generation, generateTexts } from "../eval/generation.js";
import type { SamplingOptions } from "../eval/sampling.js";
import { type LoadedModel, loadFolder, loadModel } from "../train/load-model.js";
import { type GivenPrompt, type PromptSources, readPrompts } from "./generate-prompts.js";
import { showTexts } from "./generate-show.js";

/** A plan's model, or a folder with a model and its tokenizer. */
export type ModelSource =
  | {
      readonly plan: Plan;
      /** A checkpoint's folder, or null for the newest whole one of the plan's run. */
      readonly checkpoint: string | null;
    }
  | { readonly folder: string; readonly engine: EngineKind };

export interface GenerateOptions extends SamplingOptions, PromptSources {
  readonly model: ModelSource;
  /** A file or the name of one, as `loadChatTemplate` takes it; null for the one beside the tokenizer. */
  readonly template: string | null;
  /** Most tokens to add to each prompt. */
  readonly tokens: number;
  /** A text ends before the first of these. */
  readonly stops: readonly string[];
  readonly json: boolean;
  readonly write: (text: string) => void;
  readonly progress: ProgressStream;
  /** Where a card's libraries may be. */
  readonly places?: Places;
}

/** One prompt and what became of it. */
export interface Completion extends Continuation {
  readonly prompt: string;
  readonly promptTokens: number;
}

export interface GenerateReport {
  readonly model: string;
  /** The run has no checkpoint yet: this is the model that it begins with. */
  readonly isBase: boolean;
  readonly engine: string;
  readonly seconds: Generation["seconds"];
  /** In decoding, over all prompts together; null where one token of each was all. */
  readonly tokensPerSecond: number | null;
  readonly completions: readonly Completion[];
}

interface Prompt {
  /** What the model is given. */
  readonly text: string;
  /** What people are shown of it. */
  readonly shown: string;
  readonly tokens: readonly number[];
}

/** Texts end at a token that ends them, at a stop string, or at the model's length. */
export async function generate(options: GenerateOptions): Promise<GenerateReport> {
  checkOptions(options);
  const given = await readPrompts(options);
  using line = new ProgressLine(options.progress);
  const tokenizer = await loadTokenizer(tokenizerPath(options.model));
  const template = options.chat ? await loadChatTemplate(tokenizer.path, options.template) : null;
  const model = await load(options, line);
  using engine = model.engine;
  line.clear();
  checkTokenizer(model, tokenizer);
  if (model.isBase)
    options.progress.write(`the run has no checkpoint yet: this is the model it begins with, ${model.folder}\n`);
  const prompts = given.map((prompt) => encodePrompt(prompt, tokenizer, template));
  checkLengths(prompts, model.architecture.maxLength);
  const shown = options.json
    ? null
    : showTexts(
        prompts.map((prompt) => prompt.shown),
        options.write,
      );
  const { temperature, topK, topP, seed, tokens, stops } = options;
  const generation = await generateTexts(
    engine,
    tokenizer,
    prompts.map((prompt) => prompt.tokens),
    {
      ...{ sampling: { temperature, topK, topP, seed }, tokens, stops, maxLength: model.architecture.maxLength },
      ends: await endsOf(model.folder, tokenizer, template),
      ...(shown === null ? {} : { onText: shown }),
    },
  );
  const report = reportOf(model, prompts, generation);
  if (options.json) options.write(`${JSON.stringify(report, null, 2)}\n`);
  return report;
}

/** What takes longer than this is said on the terminal. */
const QUIET_MS = 2000;

function load({ model, places }: GenerateOptions, line: ProgressLine): Promise<LoadedModel> {
  const began = performance.now();
  const report = (text: string): void => {
    if (performance.now() - began > QUIET_MS) line.update(text);
  };
  if ("plan" in model) return loadModel(model.plan, model.checkpoint, places, report);
  return loadFolder(model.folder, { kind: model.engine, ...(places === undefined ? {} : { places }) }, report);
}

function tokenizerPath(model: ModelSource): string {
  return "plan" in model ? model.plan.data.tokenizer.path : join(model.folder, "tokenizer.json");
}

function checkTokenizer({ tokenizer, folder }: LoadedModel, found: Tokenizer): void {
  if (tokenizer === null || tokenizer === found.fingerprint) return;
  throw new UserError({
    what: "this checkpoint was trained with another tokenizer",
    where: folder,
    expected: tokenizer.slice(0, 12),
    got: `${found.fingerprint.slice(0, 12)} (${found.path})`,
  });
}

/**
 * As `prepare` writes it: a rendered conversation holds all its tokens, a text begins as documents begin. Where nothing stands before them,
 * an empty prompt is the end of another.
 */
function encodePrompt(prompt: GivenPrompt, tokenizer: Tokenizer, template: ChatTemplate | null): Prompt {
  if ("messages" in prompt) {
    if (template === null) throw new Error("a conversation outside of a chat");
    const text = template.render({ ...chatInput(prompt), addGenerationPrompt: true });
    const tokens = [...tokenizer.encode(text, { specialTokens: "parse" })];
    return { text, shown: "", tokens: tokens.length === 0 ? [tokenizer.endOfText] : tokens };
  }
  const { text } = prompt;
  const tokens = [...tokenizer.encode(text, { begin: true })];
  return { text, shown: text, tokens: tokens.length === 0 ? [tokenizer.endOfText] : tokens };
}

async function endsOf(folder: string, tokenizer: Tokenizer, template: ChatTemplate | null) {
  const turn = template === null ? null : endOfTurn(template, tokenizer);
  return new Set([...(await endTokensOf(folder, tokenizer)), ...(turn === null ? [] : [turn])]);
}

function checkLengths(prompts: readonly Prompt[], most: number): void {
  const problems = prompts.flatMap(({ tokens }, index): Problem[] =>
    tokens.length < most
      ? []
      : [
          {
            what: "the prompt is as long as the model's rows",
            where: `prompt ${index + 1}`,
            expected: `fewer than ${most} tokens`,
            got: String(tokens.length),
          },
        ],
  );
  if (problems.length > 0) throw new UserError(problems);
}

function reportOf(model: LoadedModel, prompts: readonly Prompt[], generation: Generation): GenerateReport {
  const { continuations, seconds, decodedTokens } = generation;
  return {
    model: model.folder,
    isBase: model.isBase,
    engine: model.engine.describe().name,
    seconds,
    tokensPerSecond: decodedTokens === 0 ? null : decodedTokens / seconds.decoding,
    completions: prompts.map(({ text: prompt, tokens }, row) => ({
      ...{ prompt, promptTokens: tokens.length },
      ...continuations[row],
    })),
  };
}

function checkOptions({ temperature, topK, topP, tokens, stops }: GenerateOptions): void {
  const problems = [
    temperature >= 0 ? null : { what: "--temperature must not be negative", got: String(temperature) },
    topK === null || topK >= 1 ? null : { what: "--top-k must be at least 1", got: String(topK) },
    topP === null || (topP > 0 && topP <= 1)
      ? null
      : { what: "--top-p must be above 0 and at most 1", got: String(topP) },
    tokens >= 1 ? null : { what: "--tokens must be at least 1", got: String(tokens) },
    stops.includes("") ? { what: "--stop must not be empty: every text would end before it begins" } : null,
  ].filter((problem) => problem !== null);
  if (problems.length > 0) throw new UserError(problems);
}
