/** Conversations to shards with masks, and a run whose loss counts just those tokens. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspect } from "../../../src/commands/inspect.js";
import { type PrepareReport, prepare } from "../../../src/commands/prepare.js";
import { loadPlan } from "../../../src/config/load.js";
import type { Plan } from "../../../src/config/plan.js";
import { encodeTexts } from "../../../src/data/prepare/prepare-encode.js";
import { openTokenStream } from "../../../src/data/shards/token-stream.js";
import { trainBpe, writeTokenizer } from "../../../src/data/tokenizer/bpe-train.js";
import { loadTokenizer, type Tokenizer } from "../../../src/data/tokenizer/tokenizer.js";
import { train } from "../../../src/train.js";

const TOOL = { type: "function", function: { name: "add", description: "Adds", parameters: { type: "object" } } };
const RECORDS = Array.from({ length: 40 }, (_, n) => ({
  messages: [
    { role: "user", content: `What is ${n} + ${n}?` },
    {
      role: "assistant",
      content: null,
      tool_calls: [
        { id: `c${n}`, type: "function", function: { name: "add", arguments: JSON.stringify({ a: n, b: n }) } },
      ],
    },
    { role: "tool", tool_call_id: `c${n}`, content: String(2 * n) },
    { role: "assistant", content: `It is ${2 * n}.` },
  ],
  tools: [TOOL],
}));

let folder: string;
let tokenizer: Tokenizer;
let plan: Plan;
let report: PrepareReport;
const lines: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "conversations-"));
  await mkdir(join(folder, "corpus"));
  const bad = [{ messages: [] }, { messages: [{ role: "user", content: "?" }] }, { text: "x".repeat(9000) }];
  const records = [...RECORDS.slice(0, 20), ...bad, ...RECORDS.slice(20), RECORDS[0]];
  await writeFile(join(folder, "corpus/chat.jsonl"), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  const trained = await trainBpe(
    RECORDS.map((record) => JSON.stringify(record)),
    { vocabulary: 300 },
  );
  await writeTokenizer(join(folder, "tokenizer.json"), trained);
  tokenizer = await loadTokenizer(join(folder, "tokenizer.json"));
  const text = `
run: chat
data:
  folder: ${folder}/data
  tokenizer: { file: ${folder}/tokenizer.json }
  domains:
    chat: { conversations: ${folder}/corpus/chat.jsonl, template: chatml, heldOut: 10% }
model: { width: 16, layers: 1, heads: 2, feedForward: 32 }
stages:
  - { name: tune, steps: 3, sequenceLength: 64, tokensPerStep: 256, mixture: { chat: 1 }, schedule: { kind: constant, peak: 1e-3 } }
`;
  await writeFile(join(folder, "plan.yaml"), text);
  plan = (await loadPlan(join(folder, "plan.yaml"))).plan;
  report = await prepare(plan, { workers: 1, skipInvalid: 0.1, force: false, write: (line) => lines.push(line) });
});
afterAll(() => rm(folder, { recursive: true }));

describe("prepared conversations", () => {
  it("count the assistant's tokens alone, and every record is somewhere", async () => {
    const { counts } = report.domains[0].manifest;
    expect(counts).toMatchObject({ documents: RECORDS.length, duplicates: 1, rejected: 3 });
    for (const side of ["train", "held-out"]) {
      await using stream = await openTokenStream(join(folder, "data/chat", side));
      const { ids, lossMask, documentStarts } = await stream.read(0, stream.tokens);
      const counted = (from: number, to: number) =>
        tokenizer.decode(ids.slice(from, to).filter((_, at) => lossMask?.[from + at] === 1));
      for (const [at, start] of documentStarts.entries()) {
        const end = documentStarts[at + 1] ?? ids.length;
        const text = tokenizer.decode(ids.slice(start, end));
        const n = Number(/What is (\d+)/.exec(text)?.[1]);
        expect(counted(start, end)).toBe(
          `<tool_call>\n{"name": "add", "arguments": {"a": ${n}, "b": ${n}}}\n</tool_call><|im_end|>It is ${2 * n}.<|im_end|>`,
        );
        expect([ids[end - 1], lossMask?.[end - 1]]).toEqual([tokenizer.endOfText, 0]);
      }
    }
  });

  it("write aside what was left out, cut short, and show the first", async () => {
    const text = await readFile(join(folder, "data/chat/rejected.jsonl"), "utf8");
    const rejected = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(rejected.map(({ why }) => why)).toEqual([
      "there are no messages",
      "no message counts in the loss",
      "there is no `messages`",
    ]);
    expect(rejected[0].where).toMatch(/chat\.jsonl:21$/);
    expect(rejected[2].record).toHaveLength(4096);
    expect(lines.join("\n")).toContain("chat.jsonl:21: there are no messages");
  });

  it("are kept until the template changes", async () => {
    const again = (config: Plan) => prepare(config, { workers: 1, skipInvalid: 0.1, force: false, write: () => {} });
    expect((await again(plan)).domains[0].outcome).toBe("kept");
    await writeFile(
      join(folder, "other.jinja"),
      "{% for m in messages %}{{ m.content }}{% endfor %}{{ add_generation_prompt }}",
    );
    const { plan: other } = await loadPlan(join(folder, "plan.yaml"), [
      `data.domains.chat.template=${folder}/other.jinja`,
      `data.folder=${folder}/data-other`,
    ]);
    // Its answers do not follow from a prompt, so nothing is left.
    await expect(again(other)).rejects.toThrow("too many records cannot be used");
  });

  it("are shown with brackets around what counts", async () => {
    let text = "";
    const decode = (ids: readonly number[]) => tokenizer.decode(ids);
    await inspect(join(folder, "data/chat/train"), {
      check: true,
      windows: 3,
      decode,
      json: false,
      write: (part) => {
        text += part;
      },
    });
    expect(text).toMatch(/\d+\.\d % counted/);
    expect(text).toContain("⟦");
    expect(text).toContain("no damage");
  });
});

describe("a stage on conversations", () => {
  it("counts the masked-in targets of every window, and no other", async () => {
    await using stream = await openTokenStream(join(folder, "data/chat/train"));
    const windows = Math.floor((stream.tokens - 1) / 64);
    const { lossMask } = await stream.read(0, stream.tokens);
    const counted = lossMask?.subarray(1, 1 + 64 * windows).reduce((sum, counts) => sum + counts, 0);
    const { plan: once } = await loadPlan(join(folder, "plan.yaml"), [
      `checkpointFolder=${folder}/checkpoints`,
      "engine.kind=native-cpu",
      "stages[0].steps=1",
      `stages[0].tokensPerStep=${64 * windows}`,
    ]);
    const progress = { isTTY: false, columns: 80, write: () => true };
    const { status } = await train(once, { resume: null, stop: { requested: false }, progress });
    expect(status).toBe("finished");
    const log = (await readFile(join(folder, "checkpoints/chat/log.jsonl"), "utf8")).trimEnd().split("\n");
    const steps = log.map((line) => JSON.parse(line)).filter(({ event }) => event === "step");
    expect(steps.map(({ tokens, countedTokens }) => [tokens, countedTokens])).toEqual([[64 * windows, counted]]);
    expect(counted).toBeLessThan(32 * windows);
  });
});

describe("a marked text", () => {
  it("is cut into tokens where counting begins and ends", () => {
    const { ids, lengths, mask } = encodeTexts(tokenizer, [{ text: "aab", counted: [[1, 2]] }], "parse");
    expect(tokenizer.decode(ids)).toBe("aab<|endoftext|>");
    expect([...(mask ?? [])]).toEqual([0, 1, 0, 0]);
    expect([...lengths]).toEqual([4]);
  });

  it("keeps the end-of-text token that it ends with, and its mask", () => {
    const { ids, mask } = encodeTexts(tokenizer, [{ text: "a<|endoftext|>", counted: [[1, 14]] }], "parse");
    expect([...ids].filter((id) => id === tokenizer.endOfText)).toHaveLength(1);
    expect([...(mask ?? [])]).toEqual([0, 1]);
  });
});
