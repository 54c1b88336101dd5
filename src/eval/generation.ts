/** Continuing prompts with an engine, all of them together, each until it ends. */
import { UserError } from "../base/errors.js";
import type { Tokenizer } from "../data/tokenizer/tokenizer.js";
import type { Engine } from "../engine/engine.js";
import { type SamplingOptions, sampleToken } from "./sampling.js";
import { StopStrings } from "./stop-strings.js";

export interface GenerationOptions {
  readonly sampling: SamplingOptions;
  /** Most tokens to add to a prompt. */
  readonly tokens: number;
  /** Most tokens of prompt and answer together: what the model was made for. */
  readonly maxLength: number;
  /** Tokens that end a text; they are not part of it. */
  readonly ends: ReadonlySet<number>;
  /** A text ends before the first of these. */
  readonly stops: readonly string[];
  /** Takes the text of a row, piece by piece, as it becomes certain; `done` with the last piece. */
  readonly onText?: (row: number, text: string, done: boolean) => void;
}

/** `end`: a token that ends texts; `stop`: a stop string; `length`: the most tokens. */
export type Finish = "end" | "stop" | "length";

export interface Continuation {
  readonly text: string;
  /** That were drawn, with one that ended the text. */
  readonly tokens: number;
  readonly finish: Finish;
}

export interface Generation {
  readonly continuations: readonly Continuation[];
  /** Time until the first tokens were drawn, and from then on. */
  readonly seconds: { readonly prompts: number; readonly decoding: number };
  /** Tokens drawn in the time of decoding: all but the first of each row. */
  readonly decodedTokens: number;
}

/** A row on its way. */
interface Row {
  readonly stream: ReturnType<Tokenizer["textStream"]>;
  readonly stops: StopStrings;
  readonly most: number;
  text: string;
  tokens: number;
  finish: Finish | null;
}

/** @param prompts of at least one token, and fewer than `maxLength`. @throws UserError when the model's logits are not numbers. */
export async function generateTexts(
  engine: Pick<Engine, "session">,
  tokenizer: Pick<Tokenizer, "textStream" | "vocabulary">,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions,
): Promise<Generation> {
  const rows = prompts.map((prompt): Row => {
    const most = Math.min(options.tokens, options.maxLength - prompt.length);
    return {
      stream: tokenizer.textStream(),
      stops: new StopStrings(options.stops),
      most,
      text: "",
      tokens: 0,
      finish: null,
    };
  });
  const longest = Math.max(...prompts.map((prompt, row) => prompt.length + rows[row].most));
  using session = engine.session({ rows: prompts.length, maxLength: longest });
  const began = performance.now();
  let drawnFirst = began;
  let fed = prompts;
  while (fed.some((tokens) => tokens.length > 0)) {
    const logits_B = await session.feed(fed);
    fed = rows.map((row, index) => {
      const logits_V = logits_B[index];
      if (logits_V === null) return [];
      // Rows of the embedding beyond the tokenizer's vocabulary are padding and have no text.
      const drawn = draw(logits_V.subarray(0, tokenizer.vocabulary), options.sampling, index, row.tokens);
      return take(row, drawn, options, (text) => options.onText?.(index, text, row.finish !== null));
    });
    if (drawnFirst === began) drawnFirst = performance.now();
  }
  const seconds = { prompts: (drawnFirst - began) / 1000, decoding: (performance.now() - drawnFirst) / 1000 };
  return {
    continuations: rows.map(({ text, tokens, finish }) => ({ text, tokens, finish: finish ?? "length" })),
    seconds,
    decodedTokens: rows.reduce((sum, { tokens }) => sum + tokens - 1, 0),
  };
}

function draw(logits_V: Float32Array, sampling: SamplingOptions, row: number, position: number): number {
  for (const logit of logits_V)
    if (Number.isNaN(logit))
      throw new UserError({ what: "the model gives logits that are not numbers", hint: "its weights are damaged" });
  return sampleToken(logits_V, sampling, { row, position });
}

/** Takes a drawn token into a row; what the row is fed next. */
function take(row: Row, token: number, { ends }: Pick<GenerationOptions, "ends">, show: (text: string) => void) {
  row.tokens += 1;
  const ended = ends.has(token);
  const { text, stopped } = row.stops.push(ended ? row.stream.end() : row.stream.push(token));
  const full = !ended && !stopped && row.tokens >= row.most;
  const rest = full ? row.stops.push(row.stream.end()) : { text: "", stopped: false };
  row.finish = stopped || rest.stopped ? "stop" : ended ? "end" : full ? "length" : null;
  const shown = text + rest.text + (row.finish === null || row.finish === "stop" ? "" : row.stops.end());
  row.text += shown;
  show(shown);
  return row.finish === null ? [token] : [];
}
