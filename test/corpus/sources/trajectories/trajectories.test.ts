import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TRAJECTORY_FORMATS } from "../../../../src/config/forge-names.js";
import type { SourceItem } from "../../../../src/corpus/forge-document.js";
import type { SourceFiles } from "../../../../src/corpus/source-kind.js";
import { TRAJECTORIES, type TrajectoryFormat } from "../../../../src/corpus/sources/trajectories/trajectories.js";

function filesOf(content: Uint8Array): SourceFiles {
  return {
    text: async () => Buffer.from(content).toString(),
    bytes: async () => content,
    location: (path) => path,
    stream: async function* () {
      for (let at = 0; at < content.length; at += 64) yield content.subarray(at, at + 64);
    },
  };
}

async function read(format: TrajectoryFormat, path: string, content: string | Uint8Array): Promise<SourceItem[]> {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const [unit] = TRAJECTORIES.units([{ path, bytes: bytes.length }], { format });
  const items: SourceItem[] = [];
  for await (const item of TRAJECTORIES.read(unit, filesOf(bytes), { format })) items.push(item);
  return items;
}

function textsOf(items: readonly SourceItem[]): string[] {
  return items.map((item) => ("document" in item ? item.document.text : `rejected: ${item.rejected.why}`));
}

const CONVERSATION = {
  messages: [
    { role: "user", content: "How warm?" },
    { role: "assistant", content: "4 °C" },
  ],
};

describe("trajectories", () => {
  it("are read from JSON lines, lists and single values, compressed or not", async () => {
    const text = "User: How warm?\n\nAssistant: 4 °C";
    const line = JSON.stringify(CONVERSATION);
    expect(textsOf(await read("openai", "a.jsonl", `${line}\n\n${line}`))).toEqual([text, text]);
    expect(textsOf(await read("openai", "a.json", `[${line},\n${line}]`))).toEqual([text, text]);
    expect(textsOf(await read("openai", "a.json", JSON.stringify(CONVERSATION, null, 2)))).toEqual([text]);
    expect(textsOf(await read("openai", "a.jsonl.gz", gzipSync(line)))).toEqual([text]);
    expect(textsOf(await read("openai", "a.jsonl.gz", gzipSync(line).subarray(0, 20)))).toEqual([
      "rejected: this gzip file is cut short",
    ]);
  });

  it("are read from ToolBench's answers, thoughts before their calls", async () => {
    const call = { role: "assistant", content: null, function_call: { name: "f", arguments: '{"a":1}' } };
    const user = { role: "user", content: "Go" };
    const thought = { role: "assistant", content: "Think" };
    const path = [user, thought, call, { role: "function", name: "f", content: "ok" }];
    const record = { answer_generation: { valid_data: true, train_messages: [[user], path], function: [] } };
    const [text] = textsOf(await read("toolbench", "a.json", JSON.stringify(record)));
    expect(text).toMatch(/^User: Go\n\nAssistant: Thought: Think\n\{[\s\S]*\}\n\nTool \(f\): ok$/);
  });

  it("are read from API-Bank's dialogues", async () => {
    const lines = [
      { role: "User", text: "Go" },
      { role: "API", api_name: "F", param_dict: { a: "1" }, result: { output: 2, exception: null } },
      { role: "AI", text: "Done" },
    ];
    const [text] = textsOf(await read("api-bank", "a.jsonl", lines.map((line) => JSON.stringify(line)).join("\n")));
    expect(text).toMatch(/^User: Go\n\nAssistant: \{[\s\S]*\}\n\nTool \(F\): \{"output":2\}\n\nAssistant: Done$/);
  });

  it("are read from HTTP exchanges, without headers that carry secrets", async () => {
    const record = {
      description: "A user",
      request: { method: "get", url: "https://api.example.com/users/7", headers: { Accept: "*/*", Cookie: "x" } },
      response: { status: 200, body: { id: 7 } },
    };
    const [item] = await read("http-examples", "a.jsonl", JSON.stringify(record));
    expect(item).toMatchObject({ document: { operation: "api.example.com GET /users/{id}", style: "http" } });
    expect(textsOf([item])[0]).toBe(
      'A user\n\nGET https://api.example.com/users/7\nAccept: */*\n\nHTTP 200\n\n{\n  "id": 7\n}',
    );
  });

  it("are documents and rejections, whatever the bytes", async () => {
    const formats = fc.constantFrom(...TRAJECTORY_FORMATS);
    const names = fc.constantFrom("a.json", "a.jsonl", "a.jsonl.gz", "a.json.zst");
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.json({ maxDepth: 4 }).map((text) => new Uint8Array(Buffer.from(text))),
    );
    await fc.assert(
      fc.asyncProperty(formats, names, bytes, async (format, name, content) => {
        for (const item of await read(format, name, content))
          if ("document" in item) expect(item.document.text.trim()).not.toBe("");
          else expect(item.rejected.why).not.toBe("");
      }),
      { numRuns: 150 },
    );
  });
});
