/** `hephaestus generate`: continues a prompt, token by token, streamed as it is made. */
import { UserError } from "../base/errors.js";
import type { Plan } from "../config/plan.js";
import { loadTokenizer } from "../data/tokenizer/tokenizer.js";
import type { Places } from "../engine/select.js";
import { type SamplingOptions, sampleToken } from "../eval/sampling.js";
import { loadModel } from "../train/load-model.js";

export interface GenerateOptions extends SamplingOptions {
  /** A checkpoint's folder, or null for the newest whole one of the plan's run. */
  readonly checkpoint: string | null;
  readonly prompt: string;
  /** Most tokens to add. */
  readonly tokens: number;
  readonly write: (text: string) => void;
  /** Where a card's libraries may be. */
  readonly places?: Places;
}

/** Writes the prompt and its continuation; returns the continuation. Stops at the end-of-text token or at the model's length. */
export async function generate(plan: Plan, options: GenerateOptions): Promise<string> {
  checkOptions(options);
  const tokenizer = await loadTokenizer(plan.data.tokenizer.path);
  const model = await loadModel(plan, options.checkpoint, options.places);
  using engine = model.engine;
  if (model.tokenizer !== null && model.tokenizer !== tokenizer.fingerprint)
    throw new UserError({
      what: "this checkpoint was trained with another tokenizer than the plan's",
      where: model.folder,
    });
  const encoded = [...tokenizer.encode(options.prompt)];
  // An empty prompt starts where every document starts: after the end of another.
  const prompt = encoded.length === 0 ? [tokenizer.endOfText] : encoded;
  const length = Math.min(prompt.length + options.tokens, plan.model.maxLength);
  if (prompt.length >= plan.model.maxLength)
    throw new UserError({
      what: "the prompt is as long as the model's rows",
      expected: `fewer than ${plan.model.maxLength} tokens`,
      got: String(prompt.length),
    });
  using session = engine.session({ rows: 1, maxLength: length });
  options.write(options.prompt);
  const made: number[] = [];
  let shown = "";
  for (let fed: readonly number[] = prompt; prompt.length + made.length < length; fed = made.slice(-1)) {
    const logits_V = await session.feed(fed);
    // Rows of the embedding beyond the tokenizer's vocabulary are padding and have no text.
    const token = sampleToken(logits_V.subarray(0, tokenizer.vocabulary), options, made.length);
    if (token === tokenizer.endOfText) break;
    made.push(token);
    // A character may need several tokens: show what is whole.
    const text = tokenizer.decode(made).replace(/\uFFFD+$/u, "");
    options.write(text.slice(shown.length));
    shown = text;
  }
  options.write("\n");
  return tokenizer.decode(made);
}

function checkOptions({ temperature, topK, topP, tokens }: GenerateOptions): void {
  const problems = [
    temperature >= 0 ? null : { what: "--temperature must not be negative", got: String(temperature) },
    topK === null || topK >= 1 ? null : { what: "--top-k must be at least 1", got: String(topK) },
    topP === null || (topP > 0 && topP <= 1)
      ? null
      : { what: "--top-p must be above 0 and at most 1", got: String(topP) },
    tokens >= 1 ? null : { what: "--tokens must be at least 1", got: String(tokens) },
  ].filter((problem) => problem !== null);
  if (problems.length > 0) throw new UserError(problems);
}
