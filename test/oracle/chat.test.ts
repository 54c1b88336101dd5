/** Asks Hugging Face's `transformers` (Python) to render the templates and conversations anew, and others that are in no golden file. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  CONVERSATIONS,
  GOLDEN,
  type GoldenConversation,
  goldenTemplate,
  type Rendering,
  renderAll,
  templateText,
} from "../data/chat/chat-golden.js";
import { NASTY_TEXTS } from "../data/tokenizer/tokenizer-texts.js";

const PYTHON = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
const SCRIPT = join(import.meta.dirname, "../../scripts/golden/chat_templates.py");

const missing = ["transformers", "jinja2"].filter((name) => spawnSync(PYTHON, ["-c", `import ${name}`]).status !== 0);
const without = missing.length === 0 ? null : `${PYTHON} has no ${missing.join(", no ")} (set HEPHAESTUS_PYTHON)`;

/** As a question, and as an argument of a call. */
const NASTY = NASTY_TEXTS.filter((text) => !/\p{Surrogate}/u.test(text) && !/[\ufdd0\ufdd1\r]/.test(text)).map(
  (text, at): GoldenConversation => ({
    name: `nasty ${at}`,
    messages: [
      { role: "user", content: text },
      {
        ...{ role: "assistant", content: "" },
        tool_calls: [{ id: "call00001", type: "function", function: { name: "f", arguments: { text } } }],
      },
      { role: "tool", content: text, tool_call_id: "call00001", name: "f" },
      { role: "assistant", content: text },
    ],
    tools: [{ type: "function", function: { name: "f", description: text, parameters: { type: "object" } } }],
  }),
);

function ask(conversations: readonly GoldenConversation[]): Record<string, Rendering[]> {
  const templates = Object.fromEntries(Object.keys(GOLDEN.renderings).map((name) => [name, templateText(name)]));
  const { status, stdout, stderr } = spawnSync(PYTHON, [SCRIPT, "ask"], {
    input: JSON.stringify({ templates, conversations, special_tokens: GOLDEN.specialTokens }),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, Rendering[]>;
}

it.for([
  ["the golden conversations", CONVERSATIONS],
  ["conversations of nasty texts", NASTY],
] as const)("transformers renders %s as we do", ([, conversations], { skip }) => {
  if (without !== null) skip(without);
  for (const [name, theirs] of Object.entries(ask(conversations)))
    expect([name, renderAll(goldenTemplate(name), conversations)]).toEqual([name, theirs]);
});
