/** Odd sizes on the C kernels, on plain loops under the same schedule, and on tfjs's WebAssembly backend; the reference runs once for all. */
import { describe, expect, it } from "vitest";
import type { EngineTensor } from "../../src/engine/engine.js";
import { RECOMPUTATIONS, type Recomputation } from "../../src/engine/native/activations.js";
import { openCpuDevice } from "../../src/engine/native/cpu/device.js";
import { NativeEngine } from "../../src/engine/native/engine.js";
import { openBackend } from "../../src/engine/tfjs/backend.js";
import { TfjsEngine } from "../../src/engine/tfjs/engine.js";
import type { Case } from "./cases.js";
import type { OpenEngine } from "./contract.js";
import { loaded } from "./contract-numbers.js";
import { expectGradients, expectLogits, SIZES, sizeExpectation } from "./contract-sizes.js";
import { CACHE_FOLDER, describeKernels } from "./native/cpu/kernel-devices.js";
import { plainDevice } from "./native/plain-device.js";
import { snapshot } from "./snapshot.js";
import type { Expectation } from "./tolerance.js";

function onKernels(threads: number, recomputation: Recomputation = "none"): OpenEngine {
  return async (architecture, table) => {
    const device = await openCpuDevice({ threads, cacheFolder: CACHE_FOLDER });
    return new NativeEngine(architecture, table, device, { name: "native-cpu", recomputation });
  };
}

const OTHERS: readonly (readonly [string, OpenEngine])[] = [
  ["plain loops", async (...model) => new NativeEngine(...model, plainDevice(), { name: "native-plain" })],
  ["tfjs-wasm", async (...model) => new TfjsEngine(...model, await openBackend("tfjs-wasm"))],
];

async function gradientsOf(open: OpenEngine, model: Case): Promise<EngineTensor[]> {
  using engine = await loaded(open, model);
  await engine.accumulate(model.batch, 0.1);
  return snapshot(engine, "gradient");
}

describe.each(SIZES)("$name", (model) => {
  let made: Expectation | null = null;
  const expected = (): Expectation => {
    made ??= sizeExpectation(model);
    return made;
  };

  async function expectReference(open: OpenEngine): Promise<void> {
    using engine = await loaded(open, model);
    await expectGradients(engine, model, expected());
    await expectLogits(engine, model, expected());
  }

  it.each(OTHERS)("%s: the reference's gradients, losses and logits", (_name, open) => expectReference(open));

  describeKernels("native-cpu", () => {
    it("gives the reference's gradients, losses and logits", () => expectReference(onKernels(1)));

    it("gives the same bits with other numbers of threads, whatever is computed again", async () => {
      const kept = await gradientsOf(onKernels(1), model);
      for (const mode of RECOMPUTATIONS)
        for (const threads of [2, 4])
          expect(await gradientsOf(onKernels(threads, mode), model), `${threads} threads, ${mode}`).toEqual(kept);
    });
  });
});
