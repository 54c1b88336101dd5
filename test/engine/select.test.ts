/** Choosing an engine: what was asked for, or the best with reasons, or a problem that its reader can fix. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { createEngine, ENGINE_KINDS } from "../../src/engine/select.js";
import { type BackendKind, openBackend } from "../../src/engine/tfjs/backend.js";
import { architectureOf } from "./cases.js";

const architecture = architectureOf();

/** An opener with which only these backends work. */
function only(...working: readonly BackendKind[]): typeof openBackend {
  return (kind) =>
    working.includes(kind) ? openBackend(kind) : Promise.reject(new Error(`no ${kind} today.\nRequire stack: …`));
}

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
    expect(why).toMatch(/; not tfjs-node-gpu: no tfjs-node-gpu today; not tfjs-node: no tfjs-node today$/);
  });

  it("is a problem for the user when the engine asked for cannot run", async () => {
    const failure = createEngine(architecture, undefined, { kind: "tfjs-node" }, only("tfjs-cpu"));
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(
      /engine\.kind: the engine tfjs-node cannot run here\n.*got: no tfjs-node today\n.*hint/s,
    );
  });

  it("knows every kind, auto first", () => {
    expect(ENGINE_KINDS).toEqual(["auto", "tfjs-node-gpu", "tfjs-node", "tfjs-wasm", "tfjs-cpu"]);
  });
});
