/** `plan` for a card that is not here: the plans in configs/, what fits, and what is refused. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { plan } from "../../src/commands/plan.js";
import type { PlanSummary } from "../../src/commands/plan-summary.js";
import { loadPlan } from "../../src/config/load.js";
import { KNOWN_CARDS, knownCard } from "../../src/engine/native/cuda/cards.js";

interface Planned {
  readonly summary: PlanSummary;
  readonly text: string;
}

async function planned(name: string, card: string, overrides: readonly string[] = [], json = false): Promise<Planned> {
  const path = fileURLToPath(new URL(`../../configs/${name}.yaml`, import.meta.url));
  const { plan: resolved } = await loadPlan(path, overrides);
  let text = "";
  const write = (more: string): void => {
    text += more;
  };
  const summary = await plan(resolved, { json, measure: false, card, write });
  return { summary, text };
}

const GIB = 2 ** 30;

describe("configs/cuda-1b.yaml", () => {
  it("fits an H100 with float32 master weights and nothing computed twice", async () => {
    const { summary, text } = await planned("cuda-1b", "h100-80gb");
    const { memory, parameters, architecture, domains, peak } = summary;
    // Llama-3.2-1B has 1,235,814,400 parameters.
    expect(parameters).toBe(1_235_814_400);
    expect(architecture).toMatchObject({ vocabulary: 128_256, headWidth: 64, tied: true });
    expect(memory).toMatchObject({ engine: "native-cuda", predictedBy: "engine" });
    expect(memory.choice).toMatchObject({ precision: "bf16", recomputation: "none", fits: true });
    const ofModel = memory.parts.filter(({ name }) => ["weights", "gradients", "moments"].includes(name));
    expect(ofModel.reduce((sum, { bytes }) => sum + bytes, 0) / parameters).toBeCloseTo(16, 4);
    expect(domains).toBeNull();
    expect(peak?.flopsPerSecond).toBe(989.4e12);
    expect(text).toMatch(/memory {5}[\d.]+ GiB at the peak on NVIDIA H100 SXM 80 GB \(native-cuda, bf16\)/);
    expect(text).toContain("16 bytes a parameter, recomputation none");
    expect(text).toMatch(/and [\d.]+ GiB of the machine's memory/);
    expect(text).toMatch(/data {7}not here \(.*tokenizer\.json\), so neither read nor checked/);
    expect(text).toMatch(/time {7}at least \d+ h \d\d min at the 989TFLOP\/s/);
  });

  it("computes again before it rounds: smaller cards", async () => {
    const on = async (card: string) => (await planned("cuda-1b", card)).summary.memory.choice;
    expect(await on("a100-40gb")).toMatchObject({ precision: "bf16", recomputation: "block-parts" });
    expect(await on("rtx-5090")).toMatchObject({ precision: "bf16", fits: true });
    const small = await planned("cuda-1b", "rtx-4090", ["engine.microBatchRows=2"]);
    expect(small.summary.memory.choice).toMatchObject({ precision: "bf16", recomputation: "block-parts" });
    const { modes = [] } = small.summary.memory.choice ?? {};
    const layer = modes.find(({ recomputation }) => recomputation === "layer");
    const tight = [`engine.memory=${layer?.bytes}`, "engine.microBatchRows=2"];
    expect((await planned("cuda-1b", "rtx-4090", tight)).summary.memory.choice).toMatchObject({ ...layer, fits: true });
  });
});

describe("configs/cuda-8b.yaml", () => {
  it("fits an H100 with 8 bytes a parameter, also with whole layers computed again", async () => {
    const { summary, text } = await planned("cuda-8b", "h100-80gb");
    // Llama-3-8B has 8,030,261,248 parameters.
    expect(summary.parameters).toBe(8_030_261_248);
    const { choice, total } = summary.memory;
    expect(choice).toMatchObject({ precision: "bf16-lean", fits: true });
    expect(total).toBeLessThan(0.97 * knownCard("h100-80gb").memoryBytes);
    expect(text).toContain("8 bytes a parameter");
    const layer = await planned("cuda-8b", "h100-80gb", ["engine.recomputation=layer"]);
    expect(layer.summary.memory.choice).toMatchObject({ recomputation: "layer", fits: true });
    expect(layer.summary.memory.total).toBeLessThan(70 * GIB);
    expect(layer.summary.memory.total).toBeGreaterThan(8 * 8_030_261_248);
  });

  it("keeps float32 master weights on a card that holds them", async () => {
    const b200 = await planned("cuda-8b", "b200");
    expect(b200.summary.memory.choice).toMatchObject({ precision: "bf16", recomputation: "none" });
    const asked = planned("cuda-8b", "h100-80gb", ["engine.optimizerMemory=fp32"]);
    await expect(asked).rejects.toThrow(/not enough memory[\s\S]*16 bytes a parameter and recomputation layer/);
  });

  it("is refused where nothing fits, with what every way would need", async () => {
    const failure = planned("cuda-8b", "a100-40gb");
    await expect(failure).rejects.toThrow(/8 bytes\/none [\d.]+ GiB, 8 bytes\/block-parts [\d.]+ GiB, 8 bytes\/layer/);
    await expect(failure).rejects.toThrow(/NVIDIA A100 SXM 40 GB, less 3 %/);
  });
});

describe("plan --card", () => {
  it("is JSON with the same numbers", async () => {
    const { summary, text } = await planned("cuda-8b", "h200", [], true);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(summary)));
    expect(summary.memory.onCard?.card).toMatchObject({ name: "NVIDIA H200 141 GB" });
    const [stage] = summary.stages;
    const tokens = Math.round(0.36 * stage.tokens);
    expect(stage.domains[0]).toEqual({ name: "agent", share: 0.36, tokens, epochs: null, filled: null });
  });

  it("needs no more than the card's name, in any case, and lists the names", async () => {
    expect(knownCard("H100-80GB")).toBe(knownCard("h100-80gb"));
    await expect(planned("cuda-1b", "h100")).rejects.toThrow(/"h100" is not known[\s\S]*b200, h200, h100-80gb/);
  });

  it.each([
    ["the vocabulary is unknown", "cuda-1b", ["data.tokenizer.vocabulary="], /nobody knows the size of the vocabulary/],
    ["the plan asks for another engine", "cuda-1b", ["engine.kind=native-cpu"], /native-cpu, which uses no card/],
  ])("is refused where %s", async (_why, name, overrides, message) => {
    await expect(planned(name, "h100-80gb", overrides)).rejects.toThrow(message);
  });

  it("does not measure what is not here", async () => {
    const path = fileURLToPath(new URL("../../configs/cuda-1b.yaml", import.meta.url));
    const { plan: resolved } = await loadPlan(path);
    const failure = plan(resolved, { json: true, measure: true, card: "h200", write: () => {} });
    await expect(failure).rejects.toThrow(/--measure needs the card itself/);
  });

  it("takes a tokenizer that is to be trained at its planned size", async () => {
    const { summary } = await planned("quickstart", "rtx-4090", ["data.folder=/nowhere/at-all"]);
    expect(summary.architecture.vocabulary).toBe(4096);
  });
});

describe("known cards", () => {
  it("are told apart, can run the engine, and hold a little less than is on the box", () => {
    expect(new Set(KNOWN_CARDS.map(({ key }) => key)).size).toBe(KNOWN_CARDS.length);
    for (const { name, computeCapability, memoryBytes, peakFlops, bandwidth } of KNOWN_CARDS) {
      expect(computeCapability[0]).toBeGreaterThanOrEqual(8);
      // Boxes count 10^9 bytes or 2^30, and the driver keeps some.
      const box = Number(/(\d+) GB$/.exec(name)?.[1]);
      expect(memoryBytes / GIB).toBeLessThan(box);
      expect(memoryBytes / 1e9).toBeGreaterThan(box * 0.98);
      // FLOPs that a byte from memory must feed: between 150 and 420 on every card since Ampere.
      expect(peakFlops / bandwidth).toBeGreaterThan(100);
      expect(peakFlops / bandwidth).toBeLessThan(450);
    }
  });
});
