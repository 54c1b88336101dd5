/**
 * Conversations as text to train on, with the characters that count in the loss: what the assistant says, its calls and the end of its turn.
 *
 * A template with `{% generation %}` blocks marks them itself. With any other, an answer is what its rendering adds to the prompt that asks
 * for it: the text of messages[0..i] with the generation prompt is how the answer begins at inference, that of messages[0..i+1] is where it
 * ends. Both have to be beginnings of the sample's text. A template that rewrites earlier turns (leaving out their thoughts) breaks this for
 * those turns; such an answer becomes a sample of its own that ends with it, which is what the model sees when it has to give that answer.
 */
import type { Conversation, Message } from "../../corpus/conversations/conversation.js";
import type { ChatInput, ChatTemplate, TemplateMessage } from "./chat-template.js";

export interface ChatSample {
  readonly text: string;
  /** The characters that count, as `[start, end)`, ascending, none empty. */
  readonly counted: readonly Span[];
}

export type Span = readonly [number, number];

export interface SampleOptions {
  readonly template: ChatTemplate;
  /** `assistant`: what the assistant says; `all`: everything. A message's own `loss` wins over both. */
  readonly loss: "assistant" | "all";
  /** Whether a text contains the spelling of a special token. */
  readonly spellsSpecialToken: (text: string) => boolean;
}

/** Why a conversation gives nothing to train on. */
export class NoSample extends Error {}

/**
 * The samples of a conversation: one, or several where the template rewrites earlier turns. Every message that counts is counted once.
 * @throws NoSample with the reason; UserError where the template refuses.
 */
export function chatSamples(conversation: Conversation, options: SampleOptions): ChatSample[] {
  const { messages } = conversation;
  const counts = messages.map(({ role, loss }) => loss ?? (options.loss === "all" || role === "assistant"));
  if (!counts.includes(true)) throw new NoSample("no message counts in the loss");
  const renderer = new Renderer(conversation, options.template);
  if (!counts.includes(false) && options.loss === "all") {
    const text = renderer.text(messages.length, false);
    return [{ text, counted: [[0, text.length]] }];
  }
  const marked = options.template.marksAnswers ? markedSample(renderer, messages, counts) : null;
  return marked === null ? splitSamples(renderer, messages, counts, options) : [marked];
}

/** Renders beginnings of a conversation, each once. */
class Renderer {
  private readonly texts = new Map<string, string>();
  private readonly input: ReturnType<typeof chatInput>;

  constructor(
    conversation: Conversation,
    readonly template: ChatTemplate,
  ) {
    this.input = chatInput(conversation);
  }

  /** The text of the first `count` messages. */
  text(count: number, addGenerationPrompt: boolean): string {
    const key = `${count} ${addGenerationPrompt}`;
    const known = this.texts.get(key);
    if (known !== undefined) return known;
    const { messages, tools } = this.input;
    const text = this.template.render({ messages: messages.slice(0, count), tools, addGenerationPrompt });
    this.texts.set(key, text);
    return text;
  }

  marked(): ReturnType<ChatTemplate["renderMarked"]> {
    return this.template.renderMarked(this.input);
  }
}

/** Null where the blocks are not one for each of the assistant's messages, or another message counts. */
function markedSample(renderer: Renderer, messages: readonly Message[], counts: readonly boolean[]): ChatSample | null {
  const { text, spans } = renderer.marked();
  const answers = messages.flatMap(({ role }, at) => (role === "assistant" ? [at] : []));
  const others = messages.some(({ role }, at) => role !== "assistant" && counts[at]);
  if (others || spans.length !== answers.length) return null;
  return { text, counted: spans.filter((_, answer) => counts[answers[answer]]) };
}

function splitSamples(
  renderer: Renderer,
  messages: readonly Message[],
  counts: readonly boolean[],
  { spellsSpecialToken }: SampleOptions,
): ChatSample[] {
  const samples: ChatSample[] = [];
  let waiting = counts.flatMap((count, at) => (count ? [at] : []));
  for (let end = messages.length; waiting.length > 0; end = (waiting.at(-1) ?? 0) + 1) {
    const whole = renderer.text(end, false);
    const found = new Map<number, Span>();
    for (const at of waiting) {
      const span = messageSpan(renderer, whole, messages[at], at);
      if (span !== null) found.set(at, withoutTail(whole, span, spellsSpecialToken));
    }
    const counted = [...found.values()].filter(([start, stop]) => stop > start);
    if (counted.length > 0) samples.push({ text: whole, counted });
    waiting = waiting.filter((at) => !found.has(at));
    if (end === (waiting.at(-1) ?? -1) + 1)
      throw new NoSample(`the template does not write message ${end} behind the prompt that asks for it`);
  }
  if (samples.length === 0) throw new NoSample("the template writes nothing of the messages that count");
  return samples.reverse();
}

/** Where a message stands in `whole`: an answer behind its prompt, any other with what the template writes around it. Null: not found. */
function messageSpan(renderer: Renderer, whole: string, { role }: Message, at: number): Span | null {
  const before = at === 0 && role !== "assistant" ? "" : renderer.text(at, role === "assistant");
  const after = renderer.text(at + 1, false);
  if (!whole.startsWith(after) || !after.startsWith(before)) return null;
  return [before.length, after.length];
}

/** A token's name is shorter than this. */
const LONGEST_SPELLING = 64;

/** Without the white space behind the token that ends the turn: generation has stopped there. */
function withoutTail(text: string, [start, end]: Span, spells: (text: string) => boolean): Span {
  const trimmed = text.slice(start, end).trimEnd();
  if (trimmed.length === end - start) return [start, end];
  for (let length = 1; length <= Math.min(LONGEST_SPELLING, trimmed.length); length++) {
    const tail = trimmed.slice(-length);
    if (spells(tail)) return spells(tail.slice(0, -1)) ? [start, end] : [start, start + trimmed.length];
  }
  return [start, end];
}

/** A conversation as templates know it, in training as in `generate`. */
export function chatInput({ messages, tools }: Conversation): Required<Pick<ChatInput, "messages" | "tools">> {
  return { messages: templateMessages(messages), tools: tools.map((tool) => ({ type: "function", function: tool })) };
}

/**
 * Messages as templates know them. A call without an id gets one of nine letters and digits, which the strictest templates ask for, and a
 * result without one answers the first call that has no result yet.
 */
export function templateMessages(messages: readonly Message[]): TemplateMessage[] {
  const open: string[] = [];
  let calls = 0;
  return messages.map(({ role, content, reasoning, toolCalls, toolCallId, name }): TemplateMessage => {
    const tool_calls = toolCalls.map((call) => {
      const id = call.id ?? `call${String(++calls).padStart(5, "0")}`;
      open.push(id);
      return { id, type: "function", function: { name: call.name, arguments: call.arguments } };
    });
    const answered = role === "tool" ? (toolCallId ?? open[0] ?? null) : null;
    if (answered !== null && open.includes(answered)) open.splice(open.indexOf(answered), 1);
    return {
      role,
      content,
      ...(reasoning !== null && { reasoning_content: reasoning }),
      ...(tool_calls.length > 0 && { tool_calls }),
      ...(answered !== null && { tool_call_id: answered }),
      ...(name !== null && { name }),
    };
  });
}
