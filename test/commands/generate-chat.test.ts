/** Chats with a tiny model whose answers are set by hand: its template, its end of turn, a call of a tool as text. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GenerateOptions, generate } from "../../src/commands/generate.js";
import { captured } from "../end-to-end/project.js";
import { TOOL_CALL, writeParrot } from "./parrot.js";

let folder: string;
let base: GenerateOptions;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hephaestus-"));
  await writeParrot(folder);
  base = {
    model: { folder, engine: "tfjs-cpu" },
    ...{ prompts: [], promptsFile: null, messagesFile: null, chat: true, template: "chatml", stops: [], json: false },
    ...{ tokens: 80, temperature: 0, topK: null, topP: null, seed: 1 },
    ...{ write: () => {}, progress: captured() },
  };
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

async function messages(content: unknown): Promise<string> {
  const path = join(folder, "messages.json");
  await writeFile(path, JSON.stringify(content));
  return path;
}

const TOOL = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

describe("generate --chat", () => {
  it("answers in the template until the turn ends, and prints a tool call as text", async () => {
    const out = captured();
    const report = await generate({ ...base, prompts: ["weather?"], write: (text) => out.write(text) });
    expect(report.completions).toMatchObject([
      { prompt: "<|im_start|>user\nweather?<|im_end|>\n<|im_start|>assistant\n", text: TOOL_CALL, finish: "end" },
    ]);
    expect(out.text).toBe(`${TOOL_CALL}\n`);
  });

  it("renders a conversation with tools and earlier calls, whose arguments may be JSON text", async () => {
    const call = { id: "1", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } };
    const messagesFile = await messages({
      messages: [
        { role: "user", content: [{ type: "text", text: "rain?" }] },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "1", content: "yes" },
      ],
      tools: [TOOL],
    });
    const [{ prompt, text }] = (await generate({ ...base, messagesFile })).completions;
    expect(prompt).toContain('{"name": "weather", "parameters": {"type": "object"}}');
    expect(prompt).toContain('<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call><|im_end|>');
    expect(prompt).toContain("<|im_start|>user\nrain?<|im_end|>");
    expect(text).toBe(TOOL_CALL);
  });

  it("takes conversations and texts from a file of lines", async () => {
    const promptsFile = join(folder, "prompts.jsonl");
    await writeFile(promptsFile, '"a"\n{ "messages": [{ "role": "user", "content": "b" }] }\n');
    const { completions } = await generate({ ...base, promptsFile });
    expect(completions.map(({ prompt }) => prompt)).toEqual(
      ["a", "b"].map((text) => `<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`),
    );
  });

  it("refuses a chat in which nothing is said, and a model without a template", async () => {
    await expect(generate(base)).rejects.toThrow(/begins with something said/);
    await expect(generate({ ...base, prompts: ["a"], template: null })).rejects.toThrow(/no chat template/);
  });

  it.each([
    [{}, /there is no `messages`/],
    [[], /there are no messages/],
    [["hello"], /message 1: it is not an object/],
    [[{ role: "user", content: "a" }, { content: "a" }], /message 2: the role "" is not known/],
    [[{ role: "user", content: [{ type: "image_url" }] }], /message 1: .* something other than text/],
    [[{ role: "user", content: 7 }], /message 1: .* is not a text/],
    [[{ role: "assistant", tool_calls: {} }], /message 1: a tool call has no name/],
    [[{ role: "assistant", tool_calls: [{}] }], /message 1: a tool call has no name/],
    [[{ role: "assistant", tool_calls: [{ function: { name: "f", arguments: "{" } }] }], /arguments is not JSON/],
    [[{ role: "assistant", tool_calls: [{ function: { name: "f", arguments: "[1]" } }] }], /arguments are not an obj/],
    [{ messages: [{ role: "user", content: "a" }], tools: "weather" }, /`tools` is not JSON/],
  ])("refuses %j", async (content, message) => {
    const refused = generate({ ...base, messagesFile: await messages(content) });
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(/messages\.json/);
  });
});
