import { describe, expect, it } from "vitest";
import { type Conversation, message } from "../../../src/corpus/conversations/conversation.js";
import { chatSamples, templateMessages } from "../../../src/data/chat/samples.js";
import { goldenTemplate } from "./chat-golden.js";

const SPECIAL = /<\|turn_end\|>|<\|close\|>|<\|im_end\|>|<\|end\|>/;

function samples(
  template: string,
  conversation: Partial<Conversation>,
  loss: "assistant" | "all" = "assistant",
  text?: string,
) {
  const options = {
    template: goldenTemplate(template, text),
    loss,
    spellsSpecialToken: (part: string) => SPECIAL.test(part),
  };
  return chatSamples({ messages: [], tools: [], ...conversation }, options).map((sample) => ({
    ...sample,
    parts: sample.counted.map(([start, end]) => sample.text.slice(start, end)),
  }));
}

const CALL = { id: null, name: "f", arguments: { a: 1 } };
const MESSAGES = [
  message("system", "S"),
  message("user", "U"),
  message("assistant", "", { toolCalls: [CALL] }),
  message("tool", "R"),
  message("assistant", "A"),
];

describe("what counts in a conversation", () => {
  it.each([
    ["chatml", ['<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call><|im_end|>', "A<|im_end|>"]],
    ["headers", ['{"name": "f", "parameters": {"a": 1}}<|turn_end|>', "A<|turn_end|>"]],
    ["brackets", ['[CALLS] [{"name": "f", "arguments": {"a": 1}, "id": "call00001"}]<|end|>', " A<|end|>"]],
  ])("is what the assistant says, its calls and the end of its turn: %s", (template, parts) => {
    const tools = [{ name: "f" }];
    // This template puts the system message elsewhere when there is an answer.
    const messages = template === "brackets" ? MESSAGES.slice(1) : MESSAGES;
    expect(samples(template, { messages, tools }).map((sample) => sample.parts)).toEqual([parts]);
  });

  it("is each answer as it is asked for where a template rewrites earlier turns", () => {
    const messages = [
      message("user", "1"),
      message("assistant", "<think>x</think>a"),
      message("user", "2"),
      message("assistant", "<think>y</think>b"),
    ];
    const [first, second, ...more] = samples("thinking", { messages });
    expect(more).toEqual([]);
    expect(first.text).toBe("<|open|>user\n1<|close|>\n<|open|>assistant\n<think>\nx\n</think>\n\na<|close|>\n");
    expect(first.parts).toEqual(["<think>\nx\n</think>\n\na<|close|>"]);
    expect(second.text).toContain("assistant\na<|close|>");
    expect(second.parts).toEqual(["<think>\ny\n</think>\n\nb<|close|>"]);
  });

  it.each(["chatml", "headers"])("follows a message's own word: %s", (template) => {
    const messages = [
      message("user", "U", { loss: true }),
      message("assistant", "A", { loss: false }),
      message("user", "V"),
      message("assistant", "B"),
    ];
    const [{ text, parts }] = samples(template, { messages });
    expect(text).toContain("A");
    expect(parts).toHaveLength(2);
    expect(parts[0]).toMatch(/user[\s\S]*U<\|\w+\|>$/);
    expect(parts[1]).toMatch(/^B<\|\w+\|>$/);
  });

  it("is everything where the domain says so, but for what says no", () => {
    expect(samples("chatml", { messages: MESSAGES }, "all")[0].counted).toHaveLength(1);
    const messages = [message("user", "U"), message("assistant", "A", { loss: false })];
    expect(samples("chatml", { messages }, "all")[0].parts).toEqual(["<|im_start|>user\nU<|im_end|>"]);
  });

  it("is refused with a reason", () => {
    expect(() => samples("chatml", { messages: [message("user", "U")] })).toThrow("no message counts in the loss");
    const odd =
      "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}{{ 'answer:' if add_generation_prompt }}";
    const messages = [message("user", "U"), message("assistant", "A")];
    expect(() => samples("x", { messages }, "assistant", odd)).toThrow("does not write message 2 behind the prompt");
    expect(() =>
      samples("brackets", { messages: [message("user", "a"), message("user", "b"), message("assistant", "A")] }),
    ).toThrow("take turns");
  });
});

describe("messages for a template", () => {
  it("have ids of nine letters and digits, and results that answer the first open call", () => {
    const two = message("assistant", "", { toolCalls: [CALL, { ...CALL, id: "mine" }] });
    const told = templateMessages([two, message("tool", "x"), message("tool", "y"), message("tool", "z")]);
    expect(told.map((each) => each["tool_call_id"])).toEqual([undefined, "call00001", "mine", undefined]);
  });
});
