/** Training on the C kernels follows PyTorch's losses over 200 steps, as closely as PyTorch in float32 follows PyTorch in float64. */
import { expect, it } from "vitest";
import { openCpuDevice } from "../../../src/engine/native/cpu/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { parameterTable } from "../../../src/model/parameters.js";
import { agreementOf, type CurveName, curveArchitecture, lossCurve } from "../loss-curve.js";
import { CACHE_FOLDER, describeKernels } from "./cpu/kernel-devices.js";

async function opened(name: CurveName): Promise<NativeEngine> {
  const architecture = curveArchitecture(name);
  const device = await openCpuDevice({ threads: 1, cacheFolder: CACHE_FOLDER });
  return new NativeEngine(architecture, parameterTable(architecture), device, { name: "native-cpu" });
}

describeKernels("loss curve of native-cpu", () => {
  it.each(["untied", "tied"] as const)("agrees with PyTorch: %s", async (name) => {
    using engine = await opened(name);
    const { difference, limit, step, line } = agreementOf(name, "native-cpu", await lossCurve(engine, name));
    console.log(line);
    expect(difference, `at step ${step}`).toBeLessThanOrEqual(limit);
  });

  it.each([
    ["a weight decay that is off by a thousandth", { weightDecay: 0.1001 }],
    ["a beta1 that is off by a thousandth", { beta1: 0.9009 }],
    ["a beta2 that is off by a thousandth", { beta2: 0.95095 }],
    ["an epsilon of 2e-8 instead of 1e-8", { epsilon: 2e-8 }],
    ["clipping that is forgotten", { clipScale: 1 }],
  ])("would show %s", async (_name, changes) => {
    using engine = await opened("tied");
    const { difference, limit } = agreementOf("tied", "native-cpu", await lossCurve(engine, "tied", changes));
    expect(difference).toBeGreaterThan(limit);
  });
});
