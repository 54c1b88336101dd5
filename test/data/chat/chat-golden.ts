/** The templates and conversations of test/golden/chat, and what `transformers` renders of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../../src/base/errors.js";
import { type ChatTemplate, compileTemplate, type TemplateMessage } from "../../../src/data/chat/chat-template.js";
import { CHATML } from "../../../src/data/chat/chatml.js";

export interface GoldenConversation {
  readonly name: string;
  readonly messages: readonly TemplateMessage[];
  readonly tools?: readonly unknown[];
}

export type Rendering = { readonly conversation: string; readonly prompt: boolean } & (
  | { readonly text: string; readonly spans: readonly (readonly [number, number])[] }
  | { readonly refused: string }
);

interface Golden {
  readonly specialTokens: Readonly<Record<string, string>>;
  readonly renderings: Readonly<Record<string, readonly Rendering[]>>;
}

const FOLDER = join(import.meta.dirname, "../../golden/chat");

export const CONVERSATIONS = json("conversations.json") as readonly GoldenConversation[];
export const GOLDEN = json("renderings.json") as Golden;

export function templateText(name: string): string {
  if (name === "chatml") return CHATML;
  return readFileSync(join(FOLDER, `${name}.jinja`), "utf8");
}

export function goldenTemplate(name: string, text = templateText(name)): ChatTemplate {
  return compileTemplate({ where: name, text, toolUse: null, specialTokens: GOLDEN.specialTokens });
}

/** What we make of the conversations, in the form of the golden file. */
export function renderAll(template: ChatTemplate, conversations: readonly GoldenConversation[]): Rendering[] {
  return conversations.flatMap(({ name, messages, tools = [] }) =>
    [false, true].map((prompt): Rendering => {
      try {
        const marked = template.renderMarked({ messages, tools, addGenerationPrompt: prompt });
        return { conversation: name, prompt, ...marked };
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return { conversation: name, prompt, refused: String(error.problems[0].got) };
      }
    }),
  );
}

function json(name: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, name), "utf8"));
}
