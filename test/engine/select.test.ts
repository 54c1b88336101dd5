/** Choosing an engine: what was asked for, or the best with reasons, or a problem that its reader can fix. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { createEngine, ENGINE_KINDS, type EngineName, type OpenEngine, openEngine } from "../../src/engine/select.js";
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
});
