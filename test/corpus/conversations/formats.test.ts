import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONVERSATION_FORMATS, type ConversationFormat } from "../../../src/config/conversation-formats.js";
import { parseBracketCalls } from "../../../src/corpus/conversations/bracket-calls.js";
import { type Conversation, message } from "../../../src/corpus/conversations/conversation.js";
import { type ConversationLayout, parseConversation } from "../../../src/corpus/conversations/formats.js";

function parse(format: ConversationFormat, record: unknown, layout: Partial<ConversationLayout> = {}) {
  return parseConversation(record, { format, columns: {}, roles: {}, ...layout });
}

function parsed(...given: Parameters<typeof parse>): Conversation {
  const result = parse(...given);
  if ("why" in result) throw new Error(result.why);
  return result.conversation;
}

const ADD = { name: "add", description: "", parameters: { type: "object" } };
const CALL = { id: null, name: "add", arguments: { a: 1, b: [2, null] } };

describe("a conversation", () => {
  it("is read from OpenAI's messages", () => {
    const call = { id: "c1", type: "function", function: { name: "add", arguments: '{"a":1,"b":[2,null]}' } };
    const messages = [
      { role: "developer", content: "Be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "1 " },
          { type: "text", text: "+ 2" },
        ],
        weight: 1,
      },
      { role: "assistant", content: null, tool_calls: [call], reasoning_content: "hm" },
      { role: "tool", content: "3", tool_call_id: "c1", name: "add" },
      { role: "assistant", content: "3", weight: 0 },
    ];
    expect(parsed("openai", { messages, tools: [{ type: "function", function: ADD }] })).toEqual({
      messages: [
        message("system", "Be brief"),
        message("user", "1 + 2", { loss: true }),
        message("assistant", "", { toolCalls: [{ ...CALL, id: "c1" }], reasoning: "hm" }),
        message("tool", "3", { toolCallId: "c1", name: "add" }),
        message("assistant", "3", { loss: false }),
      ],
      tools: [ADD],
    });
    expect(parsed("openai", { messages: JSON.stringify(messages), functions: [ADD] }).messages).toHaveLength(5);
  });

  it("is read from the ShareGPT family, with names of its own", () => {
    const record = {
      dialog: [
        { speaker: "customer", text: "add" },
        { speaker: "function_call", text: JSON.stringify({ name: "add", arguments: CALL.arguments }) },
        { speaker: "observation", text: "3" },
        { speaker: "gpt", text: "3", loss: true },
      ],
      system: "S",
      tools: JSON.stringify([ADD]),
    };
    const columns = { messages: "dialog", role: "speaker", content: "text" };
    expect(parsed("sharegpt", record, { columns, roles: { customer: "user" } })).toEqual({
      messages: [
        message("system", "S"),
        message("user", "add"),
        message("assistant", "", { toolCalls: [CALL] }),
        message("tool", "3"),
        message("assistant", "3", { loss: true }),
      ],
      tools: [ADD],
    });
    expect(parse("sharegpt", record, { columns })).toEqual({ why: 'message 1: the role "customer" is not known' });
  });

  it("is read from xLAM's JSON inside JSON", () => {
    const record = { query: "q", answers: JSON.stringify([CALL]), tools: JSON.stringify([ADD]) };
    expect(parsed("xlam", record)).toEqual({
      messages: [message("user", "q"), message("assistant", "", { toolCalls: [CALL] })],
      tools: [ADD],
    });
    expect(parse("xlam", { ...record, answers: "[]" })).toEqual({ why: "there are no `answers`" });
  });

  it("is read from ToolACE where all of it reads cleanly, and stays text where not", () => {
    const system = `You may call: ${JSON.stringify([ADD])}. Write [name(key=value)].`;
    const turns = (call: string) => [
      { from: "user", value: "go" },
      { from: "assistant", value: call },
      { from: "tool", value: "[1]" },
      { from: "assistant", value: "done" },
    ];
    expect(parsed("toolace", { system, conversations: turns("[add(a=1, b=[2, None])]") })).toEqual({
      messages: [
        message("user", "go"),
        message("assistant", "", { toolCalls: [CALL] }),
        message("tool", "[1]"),
        message("assistant", "done"),
      ],
      tools: [ADD],
    });
    const text = parsed("toolace", { system, conversations: turns("[add(a=1+1)]") });
    expect(text.messages[0].content).toBe(system);
    expect(text.messages[2]).toEqual(message("assistant", "[add(a=1+1)]"));
    expect(text.tools).toEqual([]);
  });

  it("is read from AgentInstruct with its word on every turn", () => {
    const conversations = [
      { from: "human", value: "a", loss: null },
      { from: "gpt", value: "b", loss: false },
      { from: "human", value: "c", loss: null },
      { from: "gpt", value: "d", loss: true },
    ];
    expect(parsed("agentinstruct", { conversations, id: "os_0" }).messages.map(({ loss }) => loss)).toEqual([
      null,
      false,
      null,
      true,
    ]);
  });

  it("is read from Alpaca with its history", () => {
    const record = { instruction: "i", input: "x", output: "o", system: "s", history: [["q", "a"]] };
    expect(parsed("alpaca", record).messages).toEqual([
      message("system", "s"),
      message("user", "q"),
      message("assistant", "a"),
      message("user", "i\nx"),
      message("assistant", "o"),
    ]);
  });

  it.each<[ConversationFormat, unknown, string]>([
    ["openai", 5, "the record is not an object"],
    ["openai", {}, "there is no `messages`"],
    ["openai", { messages: [] }, "there are no messages"],
    ["openai", { messages: "{" }, "`messages` is not JSON"],
    ["openai", { messages: [{ role: "user", content: 5 }] }, "message 1: a message's content is not a text"],
    [
      "openai",
      { messages: [{ role: "user", content: [{ type: "image" }] }] },
      "message 1: a message holds something other than text",
    ],
    [
      "openai",
      { messages: [{ role: "user", content: "", tool_calls: [CALL] }] },
      "message 1: only an assistant's message has tool calls",
    ],
    [
      "openai",
      { messages: [{ role: "assistant", tool_calls: [{ name: "f", arguments: "{" }] }] },
      "message 1: a call's arguments is not JSON",
    ],
    [
      "openai",
      { messages: [{ role: "assistant", tool_calls: [{ name: "f", arguments: [1] }] }] },
      "message 1: a call's arguments are not an object",
    ],
    [
      "openai",
      { messages: [{ role: "assistant", tool_calls: [{ name: "f", arguments: '{"id":12345678901234567890}' }] }] },
      "message 1: a whole number beyond 2^53, which cannot be kept exactly",
    ],
    [
      "openai",
      {
        messages: [
          { role: "assistant", tool_calls: [{ name: "f", arguments: `{"a":${"[".repeat(70)}${"]".repeat(70)}}` }] },
        ],
      },
      "message 1: values nested deeper than 64",
    ],
    [
      "openai",
      { messages: [{ role: "user", content: "", weight: 0.5 }] },
      "message 1: a message's `loss` or `weight` is neither a boolean nor 0 or 1",
    ],
    ["openai", { messages: [{ role: "user", content: "" }], tools: [{}] }, "a tool has no name"],
    ["alpaca", { instruction: "i", output: "o", history: ["x"] }, "`history` is not a list of pairs"],
  ])("is none, with a reason: %s %j", (format, record, why) => {
    expect(parse(format, record)).toEqual({ why });
  });

  it("is a conversation or a reason, whatever the record", () => {
    const words = fc.constantFrom(
      "user",
      "gpt",
      "assistant",
      "tool",
      "function_call",
      "[f(a=1)]",
      "[{",
      "{}",
      '[{"name":"f"}]',
      "",
    );
    const keys = fc.constantFrom(
      "role",
      "from",
      "content",
      "value",
      "messages",
      "conversations",
      "tools",
      "name",
      "arguments",
      "tool_calls",
      "query",
      "answers",
      "instruction",
      "output",
      "history",
      "system",
      "__proto__",
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        words,
        fc.integer(),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(keys, tie("value"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(
        fc.constantFrom(...CONVERSATION_FORMATS),
        fc.dictionary(keys, value, { maxKeys: 6 }),
        (format, record) => {
          const result = parse(format, record);
          expect("why" in result ? result.why : result.conversation.messages[0].role).not.toBe("");
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe("calls in brackets", () => {
  it("have the values of Python and JSON", () => {
    expect(parseBracketCalls(`[a.b(x='it\\'s', y="z", n=-1.5e2, t=True, l=[1, {"k": None}]), Get It()]`)).toEqual([
      { id: null, name: "a.b", arguments: { x: "it's", y: "z", n: -150, t: true, l: [1, { k: null }] } },
      { id: null, name: "Get It", arguments: {} },
    ]);
  });

  it.each([
    "",
    "[]",
    "f(a=1)",
    "[f(a=1)] and",
    "[f(1)]",
    "[f(a=b)]",
    "[f(a=1, a=2)]",
    "[f(a='x)]",
    `[f(a=${"[".repeat(99)}`,
  ])("are nothing else: %s", (text) => {
    expect(parseBracketCalls(text)).toBeNull();
  });
});
