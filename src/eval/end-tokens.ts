/** The tokens that end what a model says. */
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { CONFIG_FILE } from "../checkpoint/format.js";
import { readJsonObject } from "../checkpoint/json.js";
import type { ChatTemplate } from "../data/chat/chat-template.js";
import type { Tokenizer } from "../data/tokenizer/tokenizer.js";

/** Where Hugging Face keeps `eos_token_id`, a number or a list; the first file that names any counts, as in `transformers`. */
const FILES = ["generation_config.json", CONFIG_FILE];

/**
 * The tokenizer's end of text, and what the files of a model's folder name.
 * @throws UserError when a file names something that is no token id.
 */
export async function endTokensOf(
  folder: string,
  tokenizer: Pick<Tokenizer, "endOfText">,
): Promise<ReadonlySet<number>> {
  for (const file of FILES) {
    const named = await namedIn(join(folder, file));
    if (named.length > 0) return new Set([tokenizer.endOfText, ...named]);
  }
  return new Set([tokenizer.endOfText]);
}

/** What an answer is taken for when it is asked how one ends. */
const ANSWER = "an answer";

/** The special token that a chat template puts behind an answer; null where it puts none, or knows no answers. */
export function endOfTurn(
  template: Pick<ChatTemplate, "render">,
  tokenizer: Pick<Tokenizer, "encode" | "tokenText" | "spellsSpecialToken">,
): number | null {
  const text = rendered(template);
  const behind = text.slice(text.lastIndexOf(ANSWER) + ANSWER.length);
  const [first] = text.includes(ANSWER) ? tokenizer.encode(behind, { specialTokens: "parse" }) : [];
  const spelling = first === undefined ? null : tokenizer.tokenText(first);
  return first !== undefined && spelling !== null && tokenizer.spellsSpecialToken(spelling) ? first : null;
}

function rendered(template: Pick<ChatTemplate, "render">): string {
  const messages = [
    { role: "user", content: "a question" },
    { role: "assistant", content: ANSWER },
  ];
  try {
    return template.render({ messages });
  } catch (error) {
    if (error instanceof UserError) return "";
    throw error;
  }
}

async function namedIn(path: string): Promise<readonly number[]> {
  if (!(await exists(path))) return [];
  const value = (await readJsonObject(path))["eos_token_id"] ?? [];
  const ids: readonly unknown[] = Array.isArray(value) ? value : [value];
  return ids.map((id) => {
    if (typeof id === "number" && Number.isSafeInteger(id) && id >= 0) return id;
    throw new UserError({
      what: "`eos_token_id` is no token id",
      where: path,
      expected: "a whole number from 0 on, or a list of them",
      got: String(JSON.stringify(id)).slice(0, 80),
    });
  });
}
