/** Values that are right alone and wrong together, each with the exact message. */
import { describe, expect, it } from "vitest";
import { changed, complaint, SMALL } from "./temporary-plan.js";

const STEPS = "steps: 100";

/** [what, piece of the plan, its replacement, the whole message] */
type Mistake = readonly [string, string, string, string];

async function expectComplaint([, from, to, message]: Mistake): Promise<void> {
  expect(await complaint(changed(SMALL, from, to))).toBe(message);
}

describe("contradictions", () => {
  const mistakes: Mistake[] = [
    [
      "no tokenizer",
      "{ file: tokenizer.json }",
      "{}",
      "plan.yaml:3 data.tokenizer: one of `train` and `file` is missing\n  expected: exactly one of `train` and `file`",
    ],
    [
      "documents and shards",
      "documents: text.jsonl",
      "documents: text.jsonl, shards: text",
      "plan.yaml:6 data.domains.text: `documents` and `shards` exclude each other\n" +
        "  expected: exactly one of `documents` and `shards`",
    ],
    [
      "heldOut of shards",
      "shards: shards/agent, ",
      "shards: shards/agent, heldOut: 1%, ",
      "plan.yaml:5 data.domains.agent.heldOut: `heldOut` goes with `documents`\n" +
        "  hint: for shards that are already there, name the held-out ones in `heldOutShards`",
    ],
    [
      "heldOutShards of documents",
      "documents: text.jsonl",
      "documents: text.jsonl, heldOutShards: a",
      "plan.yaml:6 data.domains.text.heldOutShards: `heldOutShards` goes with `shards`\n" +
        "  hint: for documents, `heldOut` is the share that `prepare` holds out",
    ],
    [
      "evaluation on the training data",
      "shards/agent-held-out",
      "shards/../shards/agent",
      "plan.yaml:5 data.domains.agent.heldOutShards: the held-out shards are the training shards\n" +
        "  hint: a loss on the training data says nothing about other data",
    ],
    [
      "heads that do not divide the width",
      "heads: 4",
      "heads: 5",
      "plan.yaml:10 model.heads: heads must divide width unless headWidth is given\n  got: width 64, 5 heads",
    ],
    [
      "an odd head width",
      "heads: 4",
      "heads: 64",
      "plan.yaml:10 model.heads: the head width must be even, since RoPE turns pairs of channels\n" +
        "  got: width 64 / 64 heads = 1",
    ],
    [
      "an odd head width that is given",
      "heads: 4",
      "heads: 4\n  headWidth: 15",
      "plan.yaml:11 model.headWidth: the head width must be even, since RoPE turns pairs of channels\n  got: 15",
    ],
    [
      "key/value heads that do not divide the heads",
      "heads: 4",
      "heads: 4\n  kvHeads: 3",
      "plan.yaml:11 model.kvHeads: kvHeads must divide heads\n  got: 4 heads, 3 key/value heads\n" +
        "  hint: each key/value head serves heads / kvHeads query heads",
    ],
    [
      "bias and norm on the queries",
      "heads: 4",
      "heads: 4\n  qkvBias: true\n  qkNorm: true",
      "plan.yaml:11 model.qkvBias: qkNorm and qkvBias cannot be combined\n" +
        "  hint: Qwen2 has the bias, Qwen3 the norm; no model format has both",
    ],
    [
      "RoPE frequencies the wrong way round",
      "heads: 4",
      "heads: 4\n  rope: { scaling: { factor: 8, lowFrequencyFactor: 4, originalLength: 64 } }",
      "plan.yaml:11 model.rope.scaling: lowFrequencyFactor must be below highFrequencyFactor\n  got: 4 and 4",
    ],
    [
      "layers without RoPE beyond the last",
      "heads: 4",
      "heads: 4\n  rope: { nopeInterval: 4 }",
      "plan.yaml:11 model.rope.nopeInterval: no layer would be without RoPE\n" +
        "  expected: at most the number of layers, 2\n  got: 4",
    ],
    [
      "layers without RoPE and norm on the queries",
      "heads: 4",
      "heads: 4\n  qkNorm: true\n  rope: { nopeInterval: 2 }",
      "plan.yaml:12 model.rope.nopeInterval: nopeInterval cannot be combined with qkNorm\n" +
        "  hint: SmolLM3 has layers without RoPE, Qwen2 the bias, Qwen3 the norm; no model format has two of them",
    ],
    [
      "tokens and steps",
      STEPS,
      "steps: 100\n    tokens: 1M",
      "plan.yaml:13 stages[0]: `tokens` and `steps` exclude each other\n  expected: exactly one of `tokens` and `steps`",
    ],
    [
      "neither tokens nor steps",
      STEPS,
      "name: a",
      "plan.yaml:13 stages[0]: one of `tokens` and `steps` is missing\n  expected: exactly one of `tokens` and `steps`",
    ],
    [
      "more tokens than can be counted",
      STEPS,
      "steps: 9000T",
      'plan.yaml:13 stages[0].steps: this value cannot be used\n  expected: a whole number of at least 1\n  got: "9000T"',
    ],
    [
      "more tokens than can be counted, in steps",
      STEPS,
      "steps: 9007199254740991",
      "plan.yaml:13 stages[0].steps: this is more tokens than can be counted exactly\n  expected: at most 2^53 tokens",
    ],
    [
      "a step of part of a row",
      "tokensPerStep: 256",
      "tokensPerStep: 250",
      "plan.yaml:15 stages[0].tokensPerStep: `tokensPerStep` must be a multiple of `sequenceLength`\n" +
        "  expected: 224 or 256\n  got: 250, rows of 32",
    ],
    [
      "rows longer than the model",
      "heads: 4",
      "heads: 4\n  maxLength: 16",
      "plan.yaml:15 stages[0].sequenceLength: rows are longer than `model.maxLength`\n  got: 32 tokens, maxLength 16",
    ],
    [
      "a domain that is not there",
      "agent: 1, text: 3",
      "agnet: 1, text: 3",
      "plan.yaml:16 stages[0].mixture.agnet: there is no domain `agnet` in `data.domains`\n" +
        "  expected: one of `agent`, `text`\n  hint: did you mean `agent`?",
    ],
    [
      "shares that do not sum to 1",
      "agent: 1, text: 3",
      "agent: 33%, text: 0.66",
      "plan.yaml:16 stages[0].mixture: the mixture's shares do not add up to exactly 1\n  got: 0.99 (99/100)\n" +
        "  hint: thirds are written 1/3; parts of a ratio are all whole numbers, such as { a: 1, b: 2 }",
    ],
    [
      "a mixture of nothing",
      "agent: 1, text: 3",
      "agent: 0, text: 0",
      "plan.yaml:16 stages[0].mixture: the mixture's parts add up to zero",
    ],
    [
      "an empty mixture",
      "{ agent: 1, text: 3 }",
      "{}",
      "plan.yaml:16 stages[0].mixture: the mixture is empty\n  expected: a part or a share for at least one domain",
    ],
    [
      "a limit for a domain that is not in the mixture",
      "mixture: { agent: 1, text: 3 }",
      "mixture: { agent: 1 }\n    maxEpochs: { text: 2 }",
      "plan.yaml:17 stages[0].maxEpochs.text: the stage's mixture has no `text`",
    ],
  ];
  it.each(mistakes)("%s", async (...mistake) => expectComplaint(mistake));

  it("no domains at all", async () => {
    expect(await complaint(SMALL.replace(/domains:\n( {4}.*\n){2}/, "domains: {}\n"))).toMatch(
      /^plan.yaml:4 data.domains: there are no domains\n {2}expected: at least one name with `documents` or `shards`\n/,
    );
  });

  it("two stages of one name, given or not", async () => {
    const second = `${SMALL.slice(SMALL.indexOf("  - steps"))}    name: stage-1\n`;
    expect(await complaint(SMALL + second)).toBe(
      "plan.yaml:23 stages[1].name: two stages have the same name\n  got: `stage-1`, the name of stages[0]",
    );
  });
});
