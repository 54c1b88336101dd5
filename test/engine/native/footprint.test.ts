/** The parts of a process's peak, against what the engine really allocates and what the plan says. */
import { describe, expect, it } from "vitest";
import { cpuFootprint } from "../../../src/engine/native/footprint.js";
import { peakMemory } from "../../../src/engine/native/memory.js";
import { type BatchSize, totalBytes, type Workload } from "../../../src/model/costs.js";
import { countParameters, parameterTable } from "../../../src/model/parameters.js";
import { architectureOf } from "../cases.js";

const architecture = architectureOf({ layers: 3, feedForward: 160, width: 64, headWidth: 16 });
const LARGE: BatchSize = { rows: 4, length: 64 };
const SMALL: BatchSize = { rows: 2, length: 17 };
const machine = { threads: 2, processor: "flags : avx2 avx" };

function workload(changes: Partial<Workload> = {}): Workload {
  return { architecture, training: [LARGE], evaluation: [], checkpoints: false, tokensAhead: 0, ...changes };
}

function partsOf(changes: Partial<Workload> = {}, recomputation: "none" | "layer" = "none") {
  const parts = cpuFootprint(workload(changes), recomputation, machine);
  return { total: totalBytes(parts), of: Object.fromEntries(parts.map(({ name, bytes }) => [name, bytes])) };
}

describe("cpuFootprint", () => {
  it("holds the planned buffers exactly", () => {
    for (const mode of ["none", "layer"] as const) {
      const { weights, gradients, moments, activations } = peakMemory(architecture, [{ batch: LARGE, kind: mode }]);
      expect(partsOf({}, mode).of).toMatchObject({ weights, gradients, moments, activations });
    }
  });

  it("is that of the largest batch, in whatever order they come", () => {
    const one = partsOf().total;
    expect(partsOf({ training: [SMALL, LARGE], evaluation: [SMALL] }).total).toBe(one);
    expect(partsOf({ training: [LARGE, SMALL] }).total).toBe(one);
    expect(partsOf({ training: [SMALL] }).total).toBeLessThan(one);
  });

  it("has room for an evaluation that is larger than the training", () => {
    const wide = { rows: 40, length: 64 };
    expect(partsOf({ evaluation: [wide] }).of["activations"]).toBe(
      peakMemory(architecture, [
        { batch: LARGE, kind: "none" },
        { batch: wide, kind: "evaluation" },
      ]).activations,
    );
    expect(partsOf({ evaluation: [wide] }).total).toBeGreaterThan(partsOf().total);
  });

  it("has the copies of a checkpoint: weights and moments in float32", () => {
    const { of } = partsOf({ checkpoints: true });
    expect(of["checkpoint on its way out"]).toBe(12 * countParameters(parameterTable(architecture)));
    expect(of).not.toHaveProperty("weights on their way in");
  });

  it("has what stays of the weights' way in: twice the largest tensor that the C library does not map by itself", () => {
    const kept = (vocabulary: number, layers = 3) => {
      const model = { ...architecture, vocabulary, layers };
      return partsOf({ architecture: model }).of["weights on their way in"];
    };
    const rows = (bytes: number) => bytes / (4 * architecture.width);
    expect(kept(rows(2 ** 20))).toBe(2 ** 21);
    expect(kept(rows(2 ** 25))).toBe(2 ** 26);
    // Larger ones are mapped, and go back at once; what is left is the feed-forward's.
    expect(kept(rows(2 ** 25) + 1)).toBe(2 * 4 * 64 * 160);
    // One tensor that is most of the model: no more than there is.
    const tiny = { ...architecture, tied: true, layers: 1, width: 8, feedForward: 8, headWidth: 2, vocabulary: 4096 };
    expect(partsOf({ architecture: tiny }).of["weights on their way in"]).toBe(
      4 * countParameters(parameterTable(tiny)),
    );
  });

  it("has 13 bytes for a token that waits", () => {
    expect(partsOf({ tokensAhead: 1000 }).total - partsOf().total).toBe(13_000);
  });

  it("has neither gradients nor moments where nothing is trained", () => {
    const { of } = partsOf({ training: [], evaluation: [LARGE] });
    expect(of["gradients"]).toBe(0);
    expect(of["moments"]).toBe(0);
    expect(of["activations"]).toBe(peakMemory(architecture, [{ batch: LARGE, kind: "evaluation" }]).activations);
  });
});
