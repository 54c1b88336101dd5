/**
 * A model's own way to write a conversation as text: the Jinja template beside its tokenizer, rendered as `transformers` does. A template
 * gets `messages`, `tools` (null where there are none), `documents` (null), `add_generation_prompt`, the tokenizer's named special tokens,
 * `strftime_now` with a fixed date and `raise_exception`.
 */
import { messageOf, UserError } from "../../base/errors.js";
import { fingerprintOf } from "../../base/fingerprint.js";
import { type Program, parseTemplate, runTemplate } from "./jinja.js";
import { strftimeNow } from "./strftime.js";

/** A message as templates know it. */
export interface TemplateMessage {
  readonly role: string;
  readonly content: string;
  readonly [field: string]: unknown;
}

export interface ChatInput {
  readonly messages: readonly TemplateMessage[];
  /** JSON schemas of functions, as `{ type: "function", function: { name, description, parameters } }`. */
  readonly tools?: readonly unknown[];
  /** Ends the text with what begins an answer. */
  readonly addGenerationPrompt?: boolean;
}

export interface MarkedText {
  readonly text: string;
  /** The characters of `text` inside the template's `{% generation %}` blocks, as `[start, end)`, ascending. */
  readonly spans: readonly (readonly [number, number])[];
}

export interface ChatTemplate {
  /** The file it comes from, or the name of a built-in one. */
  readonly where: string;
  /** Of all that decides what is rendered. */
  readonly fingerprint: string;
  /** Whether `{% generation %}` blocks mark what the model is to say. */
  readonly marksAnswers: boolean;
  /** @throws UserError with the template's own message where it refuses the conversation. */
  render(input: ChatInput): string;
  /** As `render`, with the places of the `{% generation %}` blocks. */
  renderMarked(input: ChatInput): MarkedText;
}

export interface TemplateSource {
  readonly where: string;
  readonly text: string;
  /** Used instead where there are tools. */
  readonly toolUse: string | null;
  /** `bos_token`, `eos_token` and their kind, by name. */
  readonly specialTokens: Readonly<Record<string, string>>;
}

/** Published templates have some 10 kB. */
const MAX_TEMPLATE = 2 ** 19;
/** Noncharacters stand where a block begins and ends; no text that is meant for exchange holds them. */
const BEGIN = "\ufdd0";
const END = "\ufdd1";
const GENERATION = /\{%(-?)\s*(end)?generation\s*(-?)%\}/g;

/** @throws UserError when the text is no template. */
export function compileTemplate(source: TemplateSource): ChatTemplate {
  const plain = compile(source.text, source.where);
  const toolUse = source.toolUse === null ? plain : compile(source.toolUse, source.where);
  const { where, specialTokens } = source;
  const renderMarked = (input: ChatInput): MarkedText =>
    separateMarks(render((input.tools?.length ?? 0) > 0 ? toolUse : plain, input, source));
  return {
    where,
    fingerprint: fingerprintOf({ text: source.text, toolUse: source.toolUse, specialTokens }),
    marksAnswers: [source.text, source.toolUse ?? source.text].every((text) => text.search(GENERATION) >= 0),
    render: (input) => renderMarked(input).text,
    renderMarked,
  };
}

function compile(text: string, where: string): Program {
  const problem = (got: string, cause?: unknown): UserError =>
    new UserError({ what: "this chat template cannot be read", where, got }, { cause });
  if (text.length > MAX_TEMPLATE) throw problem(`${text.length} characters, where at most ${MAX_TEMPLATE} are read`);
  // The library looks at every run of white space once from each of its characters.
  if (/\s{5000}/.test(text)) throw problem("more than 5000 characters of white space in a row");
  try {
    // As a template is read by Python: with line feeds alone. The library drops `generation`, so its place is marked by text.
    return parseTemplate(text.replace(/\r\n?/g, "\n").replace(GENERATION, markBlock));
  } catch (error) {
    throw problem(messageOf(error), error);
  }
}

/** Inside a statement, so that the white space around a block is treated as ever. */
function markBlock(_: string, before: string, end: string | undefined, after: string): string {
  return `{%${before} if true %}${end === undefined ? BEGIN : END}{% endif ${after}%}`;
}

function render(program: Program, input: ChatInput, { where, specialTokens }: TemplateSource): string {
  const { messages, tools = [], addGenerationPrompt = false } = input;
  const refusal = (got: string, cause?: unknown): UserError =>
    new UserError({ what: "the chat template refuses this conversation", where, got }, { cause });
  if (holdsMarks(JSON.stringify([messages, tools])))
    throw refusal("text that holds the noncharacters U+FDD0 or U+FDD1");
  try {
    return runTemplate(program, {
      ...specialTokens,
      messages,
      tools: tools.length > 0 ? tools : null,
      documents: null,
      add_generation_prompt: addGenerationPrompt,
      strftime_now: strftimeNow,
    });
  } catch (error) {
    throw refusal(messageOf(error), error);
  }
}

function holdsMarks(text: string): boolean {
  return text.includes(BEGIN) || text.includes(END);
}

function separateMarks(marked: string): MarkedText {
  if (!holdsMarks(marked)) return { text: marked, spans: [] };
  const spans: [number, number][] = [];
  let text = "";
  let depth = 0;
  for (const part of marked.split(/([\ufdd0\ufdd1])/)) {
    if (part === BEGIN) {
      if (depth++ === 0) spans.push([text.length, text.length]);
    } else if (part === END) {
      const last = spans.at(-1);
      if (--depth === 0 && last !== undefined) last[1] = text.length;
    } else text += part;
  }
  return { text, spans: spans.filter(([start, end]) => end > start) };
}
