import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Conversation,
  type Message,
  message,
  type ToolSchema,
} from "../../../src/corpus/conversations/conversation.js";
import { renderTrajectory } from "../../../src/corpus/render/trajectory.js";

const WEATHER: ToolSchema = {
  name: "get_weather",
  description: "The weather\nof a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string", description: "Its name" }, days: { type: "integer" } },
    required: ["city"],
  },
};
const CALL = { id: "c1", name: "get_weather", arguments: { city: "Oslo" } };

/** The text split into paragraphs by speaker, as a person reads it. */
function turnsOf(text: string): string[] {
  return text.split(/\n\n(?=(?:System|User|Assistant|Tool(?: \([^)]*\))?): )/);
}

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const json = fc.jsonValue({ maxDepth: 3 });
const call = fc.record({
  id: fc.option(word),
  name: word,
  arguments: fc.dictionary(word, json, { maxKeys: 4 }),
});
const said = fc.string({ minLength: 1 }).filter((text) => text.trim() !== "");
const turn: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ content: said }).map(({ content }) => message("user", content)),
  fc
    .record({ content: fc.string(), toolCalls: fc.array(call, { maxLength: 3 }), reasoning: fc.option(said) })
    .map(({ content, ...rest }) => message("assistant", content, rest)),
  fc
    .record({
      content: fc.oneof(
        said,
        json.map((value) => JSON.stringify(value)),
      ),
      name: fc.option(word),
    })
    .map(({ content, name }) => message("tool", content, { name })),
);
const tool = fc.record({ name: word, description: said });
const conversation: fc.Arbitrary<Conversation> = fc.record({
  messages: fc.array(turn, { minLength: 1, maxLength: 6 }),
  tools: fc.array(tool, { maxLength: 3 }),
});

describe("the text of a conversation", () => {
  it("names the tools and gives every turn its speaker", () => {
    const text = renderTrajectory({
      messages: [
        message("system", "Be brief."),
        message("user", "How warm is it in Oslo?"),
        message("assistant", "", { toolCalls: [CALL], reasoning: "Look it up." }),
        message("tool", '{"celsius":4}', { toolCallId: "c1" }),
        message("assistant", "It is 4 °C."),
      ],
      tools: [WEATHER],
    });
    const [system, user, called, result, answer, ...rest] = turnsOf(text);
    expect(system).toMatch(/^System: Be brief\.\n\n/);
    expect(system).toContain("get_weather");
    expect(user).toBe("User: How warm is it in Oslo?");
    expect(called).toMatch(/^Assistant: Thought: Look it up\.\n\{/);
    expect(JSON.parse(called.slice(called.indexOf("{")))).toEqual({ name: "get_weather", arguments: { city: "Oslo" } });
    expect(result).toBe('Tool (get_weather): {"celsius":4}');
    expect(answer).toBe("Assistant: It is 4 °C.");
    expect(rest).toEqual([]);
  });

  it("writes tools as whole schemas or as a line each, JSON dense or indented: each way occurs, drawn by the content", () => {
    const texts = Array.from({ length: 40 }, (_, i) =>
      renderTrajectory({
        messages: [message("user", `Question ${i}`), message("assistant", "", { toolCalls: [CALL] })],
        tools: [WEATHER],
      }),
    );
    const line = "- get_weather(city: string, days?: integer): The weather of a city.";
    const short = texts.filter((text) => text.includes(line));
    const whole = texts.filter((text) => text.includes('"description"'));
    expect(short.length + whole.length).toBe(40);
    expect(Math.min(short.length, whole.length)).toBeGreaterThan(5);
    const dense = texts.filter((text) => text.endsWith('{"name":"get_weather","arguments":{"city":"Oslo"}}'));
    const indented = texts.filter((text) => text.includes('{\n  "name": "get_weather",\n  "arguments": {'));
    expect(dense.length + indented.length).toBe(40);
    expect(Math.min(dense.length, indented.length)).toBeGreaterThan(5);
  });

  it("reads the parameters of every way to write a tool", () => {
    const lines = (tool: ToolSchema): string[] =>
      Array.from({ length: 12 }, (_, i) =>
        renderTrajectory({ messages: [message("user", String(i))], tools: [tool] })
          .split("\n")
          .find((one) => one.startsWith("- ")),
      ).filter((one) => one !== undefined);
    const expectLine = (tool: ToolSchema, line: string): void => expect([...new Set(lines(tool))]).toEqual([line]);
    expectLine(
      { name: "f", parameters: { a: { type: "str" }, b: { type: "int", default: 1 } } },
      "- f(a: str, b?: int)",
    );
    expectLine({ name: "f", input_schema: { type: "object", properties: { a: {} } } }, "- f(a)");
    expectLine({ name: "f", parameters: { type: "object" }, description: 3 }, "- f()");
    expectLine({ name: "f", parameters: "?" }, "- f()");
  });

  it("keeps several calls together and says which one a result answers", () => {
    const calls = [CALL, { id: "c2", name: "get_time", arguments: {} }];
    const text = renderTrajectory({
      messages: [
        message("assistant", "Both.", { toolCalls: calls }),
        message("tool", "noon", { toolCallId: "c2" }),
        message("tool", "", { toolCallId: "c1" }),
        message("tool", "?", { toolCallId: "c9" }),
      ],
      tools: [],
    });
    const called = turnsOf(text)[0];
    const written = called.slice(called.indexOf("["));
    expect(JSON.parse(written)).toEqual(calls.map(({ id: _, ...rest }) => rest));
    expect(text.split(written)[1]).toBe("\n\nTool (get_time): noon\n\nTool (get_weather):\n\nTool: ?");
  });

  it("is empty where nobody speaks, and leaves silent turns out", () => {
    expect(renderTrajectory({ messages: [message("system", "x"), message("user", " ")], tools: [WEATHER] })).toBe("");
    const messages = [message("user", "a"), message("assistant", "\n"), message("system", "b")];
    expect(renderTrajectory({ messages, tools: [] })).toBe("User: a\n\nSystem: b");
  });

  it("holds every text, thought, observation, call and argument", () => {
    fc.assert(
      fc.property(conversation, (given) => {
        const text = renderTrajectory(given);
        const values = (value: unknown): string[] => [JSON.stringify(value), JSON.stringify(value, null, 2)];
        for (const { content, reasoning, toolCalls, name, role } of given.messages) {
          expect(text).toContain(content.trim());
          expect(text).toContain((reasoning ?? "").trim());
          if (role === "tool" && name !== null) expect(text).toContain(`Tool (${name}):`);
          const calls = toolCalls.map((one) => ({ name: one.name, arguments: one.arguments }));
          const written = calls.length === 1 ? calls[0] : calls;
          if (calls.length > 0) expect(values(written).some((one) => text.includes(one))).toBe(true);
        }
        if (text !== "") for (const { name } of given.tools) expect(text).toContain(name);
        expect(renderTrajectory(structuredClone(given))).toBe(text);
      }),
    );
  });
});
