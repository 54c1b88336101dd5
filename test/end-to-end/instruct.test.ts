/** An instruction stage from end to end: conversations with calls in, a model that makes the call and ends its turn out. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { generate } from "../../src/commands/generate.js";
import { prepare } from "../../src/commands/prepare.js";
import { loadPlan } from "../../src/config/load.js";
import type { Plan } from "../../src/config/plan.js";
import { openTokenStream } from "../../src/data/shards/token-stream.js";
import { trainBpe, writeTokenizer } from "../../src/data/tokenizer/bpe-train.js";
import { loadTokenizer } from "../../src/data/tokenizer/tokenizer.js";
import { train } from "../../src/train.js";
import { captured } from "./project.js";

const TOOLS = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
const CITIES = ["Oslo", "Rome"];
const question = (city: string) => ({ role: "user", content: `Weather in ${city}?` });
const callText = (city: string) => `<tool_call>\n{"name": "weather", "arguments": {"city": "${city}"}}\n</tool_call>`;

function record(city: string) {
  const call = { type: "function", function: { name: "weather", arguments: JSON.stringify({ city }) } };
  return {
    messages: [question(city), { role: "assistant", content: null, tool_calls: [{ id: "call00001", ...call }] }],
    tools: TOOLS,
  };
}

let folder: string;
let plan: Plan;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "instruct-"));
  await mkdir(join(folder, "corpus"));
  const lines = CITIES.map((city) => JSON.stringify(record(city)));
  await writeFile(join(folder, "corpus/calls.jsonl"), `${lines.join("\n")}\n`);
  const texts = CITIES.flatMap((city) => [question(city).content, callText(city), ...lines]);
  await mkdir(join(folder, "base"));
  await writeTokenizer(join(folder, "base/tokenizer.json"), await trainBpe(texts, { vocabulary: 400 }));
  await writeFile(
    join(folder, "plan.yaml"),
    `
run: instruct
seed: 5
data:
  folder: data
  tokenizer:
    file: base/tokenizer.json
    add: { tokens: ["<|im_start|>", "<|im_end|>"] }
  domains:
    calls: { conversations: corpus/calls.jsonl, template: chatml, heldOut: 0 }
model: { width: 32, layers: 2, heads: 2, feedForward: 64, maxLength: 256 }
stages:
  - name: instruct
    steps: 200
    sequenceLength: 192
    tokensPerStep: 384
    packing: whole
    maxEpochs: { calls: 300 }
    mixture: { calls: 1 }
    schedule: { kind: constant, peak: 1e-2, warmup: 5 }
engine: { kind: native-cpu, microBatchRows: 2 }
`,
  );
  plan = (await loadPlan(join(folder, "plan.yaml"), [], { root: folder })).plan;
  await prepare(plan, { workers: 1, skipInvalid: 0, force: false, write: () => {} });
  await train(plan, { resume: null, stop: { requested: false }, progress: captured() });
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

it("what is trained on is the prompt of `generate`, then the call and the end of the turn, which alone count", async () => {
  const tokenizer = await loadTokenizer(plan.data.tokenizer.path);
  await using stream = await openTokenStream(join(folder, "data/calls/train"));
  const { ids, lossMask, documentStarts } = await stream.read(0, stream.tokens);
  expect(documentStarts).toHaveLength(CITIES.length);
  const counted = tokenizer.decode(ids.filter((_, at) => lossMask?.[at] === 1));
  expect(counted).toBe(CITIES.map((city) => `${callText(city)}<|im_end|>`).join(""));
});

it.each(CITIES)("the model makes the call for %s, word for word, and ends its turn", async (city) => {
  const messagesFile = join(folder, `${city}.json`);
  await writeFile(messagesFile, JSON.stringify({ messages: [question(city)], tools: TOOLS }));
  const { completions } = await generate({
    model: { plan, checkpoint: null },
    ...{ prompts: [], promptsFile: null, messagesFile, chat: true, template: "chatml", stops: [], json: true },
    ...{ tokens: 60, temperature: 0, topK: null, topP: null, seed: 1 },
    ...{ write: () => {}, progress: captured() },
  });
  expect(completions).toMatchObject([{ text: callText(city), finish: "end" }]);
});
