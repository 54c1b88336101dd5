/** Choosing an engine: what was asked for, or the best with reasons, or a problem that its reader can fix. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import {
  createEngine,
  ENGINE_KINDS,
  type EngineName,
  engineThatRuns,
  type OpenEngine,
  openEngine,
  plannedParts,
} from "../../src/engine/select.js";
import { totalBytes } from "../../src/model/costs.js";
import { architectureOf } from "./cases.js";

const architecture = architectureOf();

/** An opener with which only these engines work. */
function only(...working: readonly EngineName[]): OpenEngine {
  return (kind, ...rest) =>
    working.includes(kind)
      ? openEngine(kind, ...rest)
      : Promise.reject(new Error(`no ${kind} today.\nRequire stack: …`));
}

const NO_COMPILER = new UserError({ what: "no C compiler for the fast kernels", hint: "install gcc" });

describe("createEngine", () => {
  it("opens what is asked for and says so", async () => {
    const { engine, why } = await createEngine(architecture, undefined, { kind: "tfjs-cpu" });
    using owned = engine;
    expect(owned.describe()).toMatchObject({ name: "tfjs-cpu", precision: "fp32", deterministic: true });
    expect(why).toBe("tfjs-cpu (CPU, plain JavaScript): as asked for");
  });

  it("takes the best that works and says why each better one does not", async () => {
    const { engine, why } = await createEngine(
      architecture,
      undefined,
      { kind: "auto" },
      only("tfjs-wasm", "tfjs-cpu"),
    );
    using owned = engine;
    expect(owned.describe().name).toBe("tfjs-wasm");
    expect(why).toMatch(/^tfjs-wasm \(CPU, WebAssembly.*\): the best engine that works here; /);
    expect(why).toMatch(/; not tfjs-node-gpu: no tfjs-node-gpu today; not native-cpu: no native-cpu today; not/);
    expect(why).toMatch(/; not tfjs-node: no tfjs-node today$/);
  });

  it("says how to get the fast engine where there is no compiler", async () => {
    const open: OpenEngine = (kind, ...rest) =>
      kind === "tfjs-cpu" ? openEngine(kind, ...rest) : Promise.reject(NO_COMPILER);
    const { engine, why } = await createEngine(architecture, undefined, { kind: "auto" }, open);
    using owned = engine;
    expect(owned.describe().name).toBe("tfjs-cpu");
    expect(why).toContain("not native-cpu: no C compiler for the fast kernels (install gcc)");
  });

  it("is a problem for the user when the engine asked for cannot run", async () => {
    const failure = createEngine(architecture, undefined, { kind: "tfjs-node" }, only("tfjs-cpu"));
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(
      /engine\.kind: the engine tfjs-node cannot run here\n.*got: no tfjs-node today\n.*hint/s,
    );
  });

  it("knows every kind, auto first", () => {
    expect(ENGINE_KINDS).toEqual(["auto", "tfjs-node-gpu", "native-cpu", "tfjs-node", "tfjs-wasm", "tfjs-cpu"]);
  });

  it("passes on what is to be computed again", async () => {
    const seen: unknown[] = [];
    const open: OpenEngine = (kind, table, parameters, report, recomputation) => {
      seen.push(recomputation);
      return openEngine(kind, table, parameters, report, recomputation);
    };
    for (const options of [{ recomputation: "layer" }, {}] as const)
      (await createEngine(architecture, undefined, { kind: "tfjs-cpu", ...options }, open)).engine[Symbol.dispose]();
    expect(seen).toEqual(["layer", undefined]);
  });
});

describe("engineThatRuns", () => {
  it("is the one that is asked for, unopened", async () => {
    expect(await engineThatRuns({ kind: "tfjs-node" }, only())).toBe("tfjs-node");
  });

  it("is the best that works, whatever the model", async () => {
    const models: number[] = [];
    const open: OpenEngine = (kind, model, ...rest) => {
      models.push(model.width);
      return only("tfjs-wasm", "tfjs-cpu")(kind, model, ...rest);
    };
    expect(await engineThatRuns({ kind: "auto" }, open)).toBe("tfjs-wasm");
    expect(Math.max(...models)).toBeLessThan(16);
    await expect(engineThatRuns({ kind: "auto" }, only())).rejects.toThrow(UserError);
  });
});

describe("plannedParts", () => {
  const workload = {
    architecture,
    training: [{ rows: 2, length: 8 }],
    evaluation: [],
    checkpoints: true,
    tokensAhead: 0,
  };

  it("are known of the engine that plans its memory, and fall with recomputation", () => {
    const parts = plannedParts("native-cpu", workload);
    const bytes = (mode: "none" | "layer"): number => totalBytes(parts?.(mode) ?? []);
    expect(bytes("layer")).toBeLessThan(bytes("none"));
    expect(bytes("layer")).toBeGreaterThan(0);
  });

  it.each(["tfjs-wasm", "tfjs-cpu", "silent"])("are not known of %s", (name) => {
    expect(plannedParts(name, workload)).toBeNull();
  });
});
