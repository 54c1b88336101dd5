/** Formats that are one question and its answer: xLAM's, with JSON inside JSON, and Alpaca's. */
import {
  type Conversation,
  type Fields,
  listOf,
  type Message,
  message,
  optionalText,
  textOf,
  Unusable,
} from "./conversation.js";
import { callsOf, toolsOf } from "./tools.js";
import type { Naming } from "./turns.js";

/** `query`, `answers` (calls) and `tools`, the last two as JSON text. */
export function parseXlam(fields: Fields, { column }: Naming): Conversation {
  const toolCalls = callsOf(column(fields, "answers"));
  if (toolCalls.length === 0) throw new Unusable("there are no `answers`");
  const messages = [
    message("user", textOf(column(fields, "query"), "`query`")),
    message("assistant", "", { toolCalls }),
  ];
  return { messages, tools: toolsOf(column(fields, "tools")) };
}

/** `instruction`, `input`, `output`, and where there are `system` and `history`, a list of pairs. */
export function parseAlpaca(fields: Fields, { column }: Naming): Conversation {
  const text = (name: string): string => textOf(column(fields, name), `\`${name}\``);
  const system = optionalText(column(fields, "system"), "`system`") ?? "";
  const history = listOf(column(fields, "history"), "`history`").flatMap((pair): Message[] => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new Unusable("`history` is not a list of pairs");
    return [message("user", textOf(pair[0], "`history`")), message("assistant", textOf(pair[1], "`history`"))];
  });
  const question = [text("instruction"), text("input")].filter((part) => part !== "").join("\n");
  const messages = [...history, message("user", question), message("assistant", text("output"))];
  return { messages: system.trim() === "" ? messages : [message("system", system), ...messages], tools: [] };
}
