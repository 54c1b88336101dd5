/** The contract over the C kernels; then the same bits from any number of threads in every mode of recomputation. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { messageOf } from "../../../src/base/errors.js";
import type { EngineTensor } from "../../../src/engine/engine.js";
import { RECOMPUTATIONS, type Recomputation } from "../../../src/engine/native/activations.js";
import { openCpuDevice } from "../../../src/engine/native/cpu/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { type Architecture, checkArchitecture } from "../../../src/model/architecture.js";
import { type Parameter, parameterTable } from "../../../src/model/parameters.js";
import { architectureOf, batchOf, weightsOf } from "../cases.js";
import { engineContract } from "../contract.js";
import { snapshot } from "../snapshot.js";

const cacheFolder = join(import.meta.dirname, "../../../node_modules/.cache/hephaestus-kernels");

/** Why the kernels cannot be had here, or null. One that does not compile is a failure of the compiler's own tests. */
const obstacle: string | null = await openCpuDevice({ cacheFolder }).then(
  (device) => {
    device[Symbol.dispose]();
    return null;
  },
  (error: unknown) => messageOf(error),
);

async function opened(
  architecture: Architecture,
  table: readonly Parameter[],
  threads: number,
  recomputation: Recomputation = "none",
): Promise<NativeEngine> {
  const device = await openCpuDevice({ threads, cacheFolder });
  return new NativeEngine(architecture, table, device, { name: "native-cpu", recomputation });
}

/** Two steps over packed documents, large enough that every kernel works in several blocks. */
async function trained(threads: number, recomputation: Recomputation): Promise<EngineTensor[]> {
  const size = { width: 72, heads: 6, kvHeads: 2, headWidth: 12, feedForward: 200, vocabulary: 301 };
  const architecture = checkArchitecture(architectureOf({ ...size, qkNorm: true, slidingWindow: 50 }), "test");
  const table = parameterTable(architecture);
  using engine = await opened(architecture, table, threads, recomputation);
  await engine.load(weightsOf(table));
  for (const update of [1, 2]) {
    await engine.accumulate(batchOf(architecture, { seed: update, length: 130, documents: [40, 41] }), 0.01);
    await engine.accumulate(batchOf(architecture, { seed: update + 9, rows: 1, length: 77 }), 0.01);
    const clipScale = 1 / (await engine.gradientNorm());
    const rates = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
    await engine.update({ ...rates, clipScale, update });
  }
  return snapshot(engine, "weight");
}

const ROWS: readonly number[] = [0, 1, 2];
/** Of each row's prompt: one is longer than two portions, one has a portion and a token. */
const PROMPTS: readonly number[] = [300, 5, 129];

/**
 * Logits of every row after its prompt and each of three tokens.
 * @param sessions the rows that each of them has.
 */
async function decoded(
  architecture: Architecture,
  threads: number,
  sessions: readonly (readonly number[])[],
): Promise<Float32Array[][]> {
  using engine = await opened(architecture, parameterTable(architecture), threads);
  await engine.load(weightsOf(parameterTable(architecture)));
  const logits: Float32Array[][] = ROWS.map(() => []);
  for (const rows of sessions) {
    using session = engine.session({ rows: rows.length, maxLength: 304 });
    const tokens = rows.map((row) => [...batchOf(architecture, { rows: 1, length: 303, seed: row }).inputs_BT]);
    for (const step of [0, 1, 2, 3]) {
      const fed = rows.map((row, at) => piece(tokens[at], PROMPTS[row], step));
      const found = await session.feed(fed);
      rows.forEach((row, at) => {
        logits[row].push(found[at] ?? new Float32Array());
      });
    }
  }
  return logits;
}

/** The prompt, then one token a step. */
function piece(tokens: readonly number[], prompt: number, step: number): readonly number[] {
  return step === 0 ? tokens.slice(0, prompt) : tokens.slice(prompt + step - 1, prompt + step);
}

if (obstacle !== null)
  describe("native-cpu", () => {
    it.skip(`the kernels cannot be had here: ${obstacle}`);
  });
else {
  engineContract("native-cpu", (architecture, table) => opened(architecture, table, 2));

  describe("native-cpu", () => {
    it("decodes rows together as it does alone, bit for bit, with any number of threads", async () => {
      const changes = { width: 72, heads: 6, kvHeads: 2, headWidth: 12, feedForward: 200, vocabulary: 301 };
      const architecture = architectureOf({ ...changes, qkNorm: true, qkvBias: true, slidingWindow: 150, tied: true });
      const alone = await decoded(
        architecture,
        1,
        ROWS.map((row) => [row]),
      );
      for (const threads of [1, 2, 4]) expect(await decoded(architecture, threads, [ROWS])).toEqual(alone);
    });

    it("gives the same bits with any number of threads, whatever is computed again", async () => {
      const expected = await trained(1, "none");
      for (const threads of [1, 2, 4])
        for (const mode of RECOMPUTATIONS)
          expect(await trained(threads, mode), `${threads} threads, ${mode}`).toEqual(expected);
    });
  });
}
