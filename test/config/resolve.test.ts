import { describe, expect, it } from "vitest";
import { loadText, SMALL } from "./temporary-plan.js";

describe("the resolved plan", () => {
  it("has every default filled in", async () => {
    expect(await loadText(SMALL)).toEqual({
      run: "small",
      runFolder: "/root/checkpoints/small",
      seed: 0,
      begin: { mode: "scratch" },
      data: {
        folder: "/root/data/small",
        tokenizer: { kind: "file", path: "/root/tokenizer.json", vocabulary: null },
        domains: [
          {
            name: "agent",
            shards: "/root/shards/agent",
            heldOutShards: "/root/shards/agent-held-out",
            documents: null,
          },
          {
            name: "text",
            shards: "/root/data/small/text/train",
            heldOutShards: "/root/data/small/text/held-out",
            documents: { paths: ["/root/text.jsonl"], heldOut: 0.01, conversations: null },
          },
        ],
      },
      model: {
        from: null,
        width: 64,
        layers: 2,
        heads: 4,
        kvHeads: 4,
        headWidth: 16,
        feedForward: 128,
        maxLength: 32,
        ropeTheta: 10_000,
        ropeScaling: null,
        nopeLayers: [],
        normEpsilon: 1e-5,
        tied: false,
        qkvBias: false,
        qkNorm: false,
        slidingWindow: null,
        initialDeviation: 0.02,
        padVocabularyTo: 8,
      },
      stages: [
        {
          name: "stage-1",
          steps: 100,
          tokens: 25_600,
          sequenceLength: 32,
          tokensPerStep: 256,
          rowsPerStep: 8,
          mixture: [
            { domain: "agent", share: { numerator: 1, denominator: 4 } },
            { domain: "text", share: { numerator: 3, denominator: 4 } },
          ],
          schedule: { kind: "constant", warmup: 1, start: 0, peak: 0.001 },
          packing: "isolated",
          recipe: null,
          replay: null,
          maxEpochs: { agent: 4, text: 4 },
        },
      ],
      optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clip: 1 },
      engine: {
        ...{ kind: "auto", device: 0, precision: "auto", optimizerMemory: "auto" },
        ...{ microBatchRows: 8, recomputation: "auto", memory: null },
      },
      evaluation: { everySteps: null, tokensPerDomain: 50_000 },
      checkpoint: { everySteps: 500, keepLast: 3, keepEvery: null },
      report: { everySteps: 10 },
    });
  });

  it("survives JSON, as checkpoints keep it", async () => {
    const plan = await loadText(SMALL, ["stages[0].maxEpochs={ text: null }", "optimizer.clip=null"]);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it("rounds tokens up to whole steps", async () => {
    const steps = async (tokens: string): Promise<unknown> => {
      const [stage] = (await loadText(SMALL, ["stages[0].steps=", `stages[0].tokens=${tokens}`])).stages;
      return [stage?.steps, stage?.tokens];
    };
    expect(await steps("256")).toEqual([1, 256]);
    expect(await steps("257")).toEqual([2, 512]);
    expect(await steps("1.5B")).toEqual([5_859_375, 1_500_000_000]);
  });

  it("keeps absolute paths and starts relative ones from the root", async () => {
    const plan = await loadText(SMALL, [
      "data.folder=/disk/data",
      "checkpointFolder=../runs",
      "begin={ mode: continue, from: checkpoints/base/step-00000100 }",
      "data.tokenizer={ train: { vocabulary: 4096 } }",
    ]);
    expect(plan.runFolder).toBe("/runs/small");
    expect(plan.begin).toEqual({ mode: "continue", from: "/root/checkpoints/base/step-00000100" });
    expect(plan.data.tokenizer).toEqual({
      kind: "train",
      vocabulary: 4096,
      sampleBytes: 100_000_000,
      path: "/disk/data/tokenizer.json",
    });
    expect(plan.data.domains[1]?.shards).toBe("/disk/data/text/train");
  });

  it("evaluates no domain that holds nothing out", async () => {
    const plan = await loadText(SMALL, ["data.domains.text.heldOut=0", "data.domains.agent.heldOutShards="]);
    expect(plan.data.domains.map((domain) => domain.heldOutShards)).toEqual([null, null]);
  });

  it("orders mixtures as the domains and leaves out shares of zero", async () => {
    const plan = await loadText(SMALL, [
      "data.domains.code.documents=code.jsonl",
      "stages[0].mixture={ code: 20%, text: 0, agent: 0.8 }",
    ]);
    expect(plan.stages[0]?.mixture).toEqual([
      { domain: "agent", share: { numerator: 4, denominator: 5 } },
      { domain: "code", share: { numerator: 1, denominator: 5 } },
    ]);
    expect(plan.stages[0]?.maxEpochs).toEqual({ agent: 4, code: 4 });
  });

  it("limits the epochs of each domain, or not", async () => {
    const plan = await loadText(SMALL, ["stages[0].maxEpochs={ agent: 1.5, text: null }"]);
    expect(plan.stages[0]?.maxEpochs).toEqual({ agent: 1.5 });
  });

  it("takes the given model as it is", async () => {
    const model =
      "model={ width: 48, layers: 1, heads: 5, kvHeads: 1, headWidth: 8, feedForward: 7, maxLength: 8_192, qkNorm: true, " +
      "slidingWindow: 64, rope: { theta: 5e5, scaling: { factor: 8, originalLength: 8192 } }, padVocabularyTo: 1 }";
    expect((await loadText(SMALL, [model])).model).toMatchObject({
      heads: 5,
      kvHeads: 1,
      headWidth: 8,
      maxLength: 8192,
      ropeTheta: 500_000,
      ropeScaling: { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 8192 },
      qkNorm: true,
      slidingWindow: 64,
      padVocabularyTo: 1,
    });
  });

  it("counts the layers without RoPE", async () => {
    const { model } = await loadText(SMALL, ["model.layers=9", "model.rope.nopeInterval=4"]);
    expect(model.nopeLayers).toEqual([3, 7]);
  });

  it("reads the memory that the run may take, and what is computed again to stay within it", async () => {
    const { engine } = await loadText(SMALL, ["engine={ memory: 1.5GiB, recomputation: block-parts }"]);
    expect(engine).toMatchObject({ memory: 1.5 * 2 ** 30, recomputation: "block-parts" });
    const wrong = loadText(SMALL, ["engine.memory=20 gigs", "engine.recomputation=blocks"]);
    await expect(wrong).rejects.toThrow(/expected: a size, such as 20GiB or 16GB/);
    await expect(wrong).rejects.toThrow(/expected: one of `auto`, `none`, `block-parts`, `layer`/);
  });

  it("makes micro-batches of at most eight rows, and no more than a step has", async () => {
    expect((await loadText(SMALL, ["stages[0].tokensPerStep=512"])).engine.microBatchRows).toBe(8);
    expect((await loadText(SMALL, ["stages[0].tokensPerStep=96"])).engine.microBatchRows).toBe(3);
    expect((await loadText(SMALL, ["engine.microBatchRows=100"])).engine.microBatchRows).toBe(100);
  });
});
