/**
 * What a card is really given in a step of training: the emulator's own list of launches, products, copies and fills, written out here. One
 * more launch, or one in another order, fails; whoever means it changes the list.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { NativeEngine } from "../../../../src/engine/native/engine.js";
import { PRECISIONS, type PrecisionName } from "../../../../src/engine/native/precision.js";
import { parameterTable } from "../../../../src/model/parameters.js";
import { architectureOf, batchOf, weightsOf } from "../../cases.js";
import { emulator, missing, open } from "./small-card.js";

const architecture = architectureOf({ width: 32, heads: 4, kvHeads: 2, headWidth: 8, feedForward: 48, layers: 2 });
const RATES = { learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipScale: 0.9 };

async function opened(precision: PrecisionName): Promise<NativeEngine> {
  const table = parameterTable(architecture);
  const engine = new NativeEngine(architecture, table, await open(), {
    ...{ name: "native-cuda", precision: PRECISIONS[precision] },
  });
  engine.load(weightsOf(table));
  return engine;
}

/** The work that a call gives to the card, by name: `rms_norm`, `matmul 96x18x32` (columns first), `copy to device`. */
async function workOf(call: () => Promise<unknown>): Promise<string[]> {
  const before = emulator.report().log.length;
  await call();
  const lines = emulator.report().log.slice(before);
  return lines.map(
    (line) => /^launch (\S+)/.exec(line)?.[1] ?? /^(matmul \S+|graph|[a-z ]+?)( \d+)?$/.exec(line)?.[1] ?? line,
  );
}

const [N, C, QKV, F, V] = [18, 32, 64, 48, 53];

/** Rows of the products as cuBLASLt has them: columns, rows, length of the sums. */
function step(suffix: string): { readonly forward: string[]; readonly backward: string[] } {
  const layer = {
    forward: [
      ...["rms_norm", `matmul ${QKV}x${N}x${C}`, "rope", `attention_forward${suffix}`, `matmul ${C}x${N}x${C}`],
      ...["rms_norm", `matmul ${2 * F}x${N}x${C}`, "swiglu", `matmul ${C}x${N}x${F}`],
    ],
    backward: [
      ...[`matmul ${F}x${C}x${N}`, `matmul ${F}x${N}x${C}`, "swiglu_backward"],
      ...[`matmul ${C}x${2 * F}x${N}`, `matmul ${C}x${N}x${2 * F}`, "rms_norm_backward", "sum_parts"],
      ...[`matmul ${C}x${C}x${N}`, `matmul ${C}x${N}x${C}`],
      ...[`attention_dots${suffix}`, `attention_backward_queries${suffix}`, `attention_backward_keys${suffix}`, "rope"],
      ...[`matmul ${C}x${QKV}x${N}`, `matmul ${C}x${N}x${QKV}`, "rms_norm_backward", "sum_parts"],
    ],
  };
  return {
    forward: ["embed", ...layer.forward, ...layer.forward, "rms_norm", `matmul ${V}x${N}x${C}`, "cross_entropy"],
    backward: [
      ...[`matmul ${C}x${V}x${N}`, `matmul ${C}x${N}x${V}`, "rms_norm_backward", "sum_parts"],
      ...[...layer.backward, ...layer.backward, "sort_chunks", "merge_chunks", "add_runs"],
    ],
  };
}

/** Ids, targets, positions and starts as one; mask; scalars. */
const BATCH = new Array(3).fill("copy to device");

beforeEach(() => emulator.reset());

describe.skipIf(missing !== null)(missing === null ? "a step of training" : `a step (skipped: ${missing})`, () => {
  it.each([
    ["fp32", "_f32"],
    ["bf16", ""],
  ] as const)("in %s is this work and no other", async (precision, suffix) => {
    using engine = await opened(precision);
    emulator.set("log", 1);
    const { forward, backward } = step(suffix);
    const batch = batchOf(architecture);
    for (const update of [1, 2]) {
      const again = update > 1 ? ["graph"] : [];
      const pass = await workOf(() => engine.accumulate(batch, 0.1));
      // The first time, memory is taken and algorithms are tried before the pass begins.
      const begin = pass.indexOf(update > 1 ? "graph" : "embed");
      expect(pass.slice(begin)).toEqual([...again, ...forward, ...backward, "copy to host"]);
      if (update > 1) expect(pass.slice(0, begin)).toEqual(BATCH);
      expect(await workOf(() => engine.gradientNorm())).toEqual([
        ...again,
        "sum_squares",
        "sum_blocks",
        "copy to host",
      ]);
      expect(await workOf(() => engine.update({ ...RATES, update }))).toEqual([
        ...["copy to device", ...again, "adamw", "adamw"],
      ]);
    }
    expect(emulator.report().errors).toEqual([]);
  });

  it("evaluates with a forward pass alone", async () => {
    using engine = await opened("bf16");
    const batch = batchOf(architecture);
    await engine.evaluate(batch);
    emulator.set("log", 1);
    const { forward } = step("");
    expect(await workOf(() => engine.evaluate(batch))).toEqual([...BATCH, "graph", ...forward, "copy to host"]);
  });

  it("takes nothing from the card that it does not give back, and allocates nothing once it runs", async () => {
    {
      using engine = await opened("bf16-lean");
      const taken: number[] = [];
      for (const update of [1, 2, 3]) {
        await engine.accumulate(batchOf(architecture, { seed: update }), 0.1);
        await engine.update({ ...RATES, update, clipScale: 1 / (await engine.gradientNorm()) });
        taken.push(emulator.report().device.allocations, emulator.report().calls["cuEventCreate"]);
      }
      expect(taken.slice(2, 4)).toEqual(taken.slice(0, 2));
      expect(taken.slice(4)).toEqual(taken.slice(0, 2));
    }
    expect(emulator.report()).toMatchObject({ device: { live: 0 }, pinned: { live: 0 }, errors: [] });
  });
});
