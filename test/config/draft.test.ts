import { describe, expect, it } from "vitest";
import { complete, draftOf } from "../../src/config/draft.js";
import { planSchema } from "../../src/config/schema.js";
import { modelSchema } from "../../src/config/schema-model.js";
import { scheduleSchema } from "../../src/config/schema-stages.js";
import { schemaAt, schemaKeys } from "../../src/config/schema-walk.js";

const MODEL = { width: 64, layers: 2, heads: 4, feedForward: 128 };

describe("draftOf", () => {
  it("keeps what is valid: wrong is undefined, absent is null or its default", () => {
    const draft = draftOf(modelSchema, {
      ...MODEL,
      width: "wide",
      kvHeads: -1,
      rope: { theta: 0, scaling: null },
      x: 1,
    });
    expect(draft).toEqual({
      width: undefined,
      layers: 2,
      heads: 4,
      kvHeads: undefined,
      headWidth: null,
      feedForward: 128,
      maxLength: null,
      rope: { theta: undefined, scaling: null, nopeInterval: null },
      normEpsilon: 1e-5,
      tied: false,
      qkvBias: false,
      qkNorm: false,
      slidingWindow: null,
      initialDeviation: 0.02,
      padVocabularyTo: 8,
    });
    expect(draft && "x" in draft).toBe(false);
    expect(complete(draft)).toBeNull();
  });

  it("is the whole plan part when nothing is wrong", () => {
    const draft = draftOf(modelSchema, MODEL);
    expect(complete(draft)).toEqual(modelSchema.parse(MODEL));
  });

  it("takes a key that was probably mistyped as wrong, not as absent", () => {
    const draft = draftOf(modelSchema, { ...MODEL, kvHead: 3 }, new Set(["kvHeads"]));
    expect(draft?.kvHeads).toBeUndefined();
    expect(draftOf(modelSchema, { ...MODEL, kvHead: 3 })?.kvHeads).toBeNull();
  });

  it("reads a union by its kind, and nothing without one", () => {
    expect(draftOf(scheduleSchema, { kind: "cosine", peak: "high", min: 1e-5 })).toEqual({
      kind: "cosine",
      peak: undefined,
      warmup: null,
      start: null,
      min: 1e-5,
    });
    expect(draftOf(scheduleSchema, { kind: "square", peak: 1e-3 })).toBeUndefined();
    expect(draftOf(scheduleSchema, "cosine")).toBeUndefined();
  });
});

describe("the schema's places", () => {
  it("finds a place through lists, names and kinds", () => {
    const value = { stages: [{ schedule: { kind: "wsd" } }] };
    expect(schemaAt(planSchema, ["stages", 0, "schedule", "decay", "form"], value)).not.toBeNull();
    expect(schemaAt(planSchema, ["stages", 0, "schedule", "cooldown"], value)).toBeNull();
    expect(schemaAt(planSchema, ["data", "domains", "any", "shards"], value)).not.toBeNull();
    expect(schemaAt(planSchema, ["stages", "first"], value)).toBeNull();
    expect(schemaAt(planSchema, ["toString"], value)).toBeNull();
  });

  it("lists keys of several kinds once", () => {
    const paths = schemaKeys(planSchema).map((key) => key.path);
    expect(new Set(paths).size).toBe(paths.length);
    expect(paths.filter((path) => path === "stages[].schedule.peak")).toHaveLength(1);
  });
});
