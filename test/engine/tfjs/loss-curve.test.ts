/** Training with tfjs's WebAssembly backend follows PyTorch's losses over 200 steps, as the native engine's does. */
import { describe, expect, it } from "vitest";
import { openBackend } from "../../../src/engine/tfjs/backend.js";
import { TfjsEngine } from "../../../src/engine/tfjs/engine.js";
import { parameterTable } from "../../../src/model/parameters.js";
import { agreementOf, curveArchitecture, lossCurve } from "../loss-curve.js";

describe("loss curve of tfjs-wasm", () => {
  it.each(["untied", "tied"] as const)("agrees with PyTorch: %s", async (name) => {
    const architecture = curveArchitecture(name);
    using engine = new TfjsEngine(architecture, parameterTable(architecture), await openBackend("tfjs-wasm"));
    const { difference, limit, step, line } = agreementOf(name, "tfjs-wasm", await lossCurve(engine, name));
    console.log(line);
    expect(difference, `at step ${step}`).toBeLessThanOrEqual(limit);
  });
});
