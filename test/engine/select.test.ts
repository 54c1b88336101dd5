/** Choosing an engine: what was asked for, or the best with reasons, or a problem that its reader can fix. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { emptyCard, KNOWN_CARDS } from "../../src/engine/native/cuda/cards.js";
import {
  cardOf,
  createEngine,
  ENGINE_KINDS,
  type EngineName,
  type EngineOptions,
  engineThatRuns,
  type OpenEngine,
  openEngine,
  plannedFootprint,
} from "../../src/engine/select.js";
import { totalBytes } from "../../src/model/costs.js";
import { architectureOf } from "./cases.js";

const architecture = architectureOf();

/** Where no library is. */
const NOWHERE = { explicit: { driver: "/nowhere/libcuda.so.1" }, toolkits: [], programs: [], conda: [], home: "/" };

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
    expect(why).toMatch(
      /; not native-cuda: no native-cuda today; not tfjs-node-gpu: no tfjs-node-gpu today; not native-cpu: /,
    );
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
    expect(ENGINE_KINDS).toEqual([
      ...["auto", "native-cuda", "tfjs-node-gpu", "native-cpu", "tfjs-node", "tfjs-wasm", "tfjs-cpu"],
    ]);
  });

  it("passes on what is to be computed again", async () => {
    const seen: unknown[] = [];
    const open: OpenEngine = (kind, table, parameters, settings) => {
      seen.push(settings.recomputation);
      return openEngine(kind, table, parameters, settings);
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

describe("without a card", () => {
  it("auto goes on at once and says in one line why", async () => {
    const started = performance.now();
    const { engine, why } = await createEngine(
      architecture,
      undefined,
      { kind: "auto", places: NOWHERE },
      (kind, ...rest) =>
        kind === "tfjs-node-gpu" || kind === "native-cpu"
          ? Promise.reject(new Error("left out"))
          : openEngine(kind, ...rest),
    );
    using owned = engine;
    expect(owned.describe().name).not.toBe("native-cuda");
    expect(why).toMatch(/; not native-cuda: the NVIDIA driver was not found \(.*\); not tfjs-node-gpu: left out/);
    expect(why).not.toContain("\n");
    // Opening the other engine takes most of it; a search that starts processes would take seconds.
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("is a problem for who asks for one", async () => {
    const failure = createEngine(architecture, undefined, { kind: "native-cuda", places: NOWHERE });
    await expect(failure).rejects.toThrow(/the engine native-cuda cannot run here\n.*the NVIDIA driver was not found/s);
    expect(() => cardOf("native-cuda", { places: NOWHERE })).toThrow(/not found.*\n.*plan --card h100-80gb/s);
    expect(cardOf("native-cpu", { places: NOWHERE })).toBeNull();
  });
});

describe("precision", () => {
  /** Precisions that engines were opened with; none of them opens. */
  async function tried(options: Omit<EngineOptions, "kind">, kind: EngineOptions["kind"] = "auto") {
    const seen: string[] = [];
    const open: OpenEngine = (name, _architecture, _table, settings) => {
      seen.push(`${name} ${settings.precision}`);
      return Promise.reject(new Error("closed"));
    };
    const failure = await createEngine(architecture, undefined, { ...options, kind }, open).catch(String);
    return { seen, failure };
  }

  it("is bf16 on a card and fp32 elsewhere", async () => {
    const { seen } = await tried({});
    expect(seen.slice(0, 3)).toEqual(["native-cuda bf16", "tfjs-node-gpu fp32", "native-cpu fp32"]);
    expect((await tried({ precision: "fp32" })).seen[0]).toBe("native-cuda fp32");
    expect((await tried({ optimizerMemory: "bf16" })).seen).toEqual(["native-cuda bf16-lean"]);
  });

  it("needs no float32 copy where nothing is trained", async () => {
    expect((await tried({ purpose: "evaluation" })).seen[0]).toBe("native-cuda bf16-lean");
    expect((await tried({ purpose: "evaluation", precision: "fp32" })).seen[0]).toBe("native-cuda fp32");
  });

  it("passes engines over that do not have it, and refuses when one of them was asked for", async () => {
    const { seen, failure } = await tried({ precision: "bf16" });
    expect(seen).toEqual(["native-cuda bf16"]);
    expect(failure).toContain("the engine native-cpu computes in fp32 only");
    expect((await tried({ precision: "bf16" }, "tfjs-cpu")).failure).toMatch(/tfjs-cpu cannot run.*in fp32 only/s);
  });
});

describe("plannedFootprint", () => {
  const workload = {
    architecture,
    training: [{ rows: 2, length: 8 }],
    evaluation: [],
    checkpoints: true,
    tokensAhead: 0,
  };

  it("is known of the engine that plans its memory, and falls with recomputation", () => {
    const planned = plannedFootprint("native-cpu", workload);
    const bytes = (recomputation: "none" | "layer"): number =>
      totalBytes(planned?.parts({ precision: "fp32", recomputation }) ?? []);
    expect(bytes("layer")).toBeLessThan(bytes("none"));
    expect(bytes("layer")).toBeGreaterThan(0);
    expect(planned?.precisions).toEqual(["fp32"]);
    expect(planned?.host({ precision: "fp32", recomputation: "none" })).toBeNull();
  });

  it("is of a card's memory where that computes, with the process's beside", () => {
    const planned = plannedFootprint("native-cuda", workload, {}, emptyCard(KNOWN_CARDS[0]));
    expect(planned?.precisions).toEqual(["bf16", "bf16-lean"]);
    const host = planned?.host({ precision: "bf16", recomputation: "layer" });
    expect(host?.map(({ name }) => name)).toContain("pinned staging");
    expect(() => plannedFootprint("native-cuda", workload)).toThrow(/for a card/);
  });

  it.each(["tfjs-wasm", "tfjs-cpu", "silent"])("is not known of %s", (name) => {
    expect(plannedFootprint(name, workload)).toBeNull();
    expect(() => plannedFootprint(name, workload, { precision: "bf16" })).toThrow(UserError);
  });
});
