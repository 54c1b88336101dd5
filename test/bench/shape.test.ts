import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { DEFAULT_SHAPE, parseShape, shapeOfPlan, tokensPerStep } from "../../src/bench/shape.js";
import { countParameters, parameterTable } from "../../src/model/parameters.js";
import { makeProject, type Project } from "../end-to-end/project.js";

function problemsOf(text: string): string[] {
  try {
    parseShape(text);
  } catch (error) {
    if (error instanceof UserError) return error.problems.map(({ what }) => what);
    throw error;
  }
  return [];
}

describe("parseShape", () => {
  it("reads the default shape", () => {
    const shape = parseShape(DEFAULT_SHAPE);
    expect(shape).toMatchObject({ rows: 8, length: 256, accumulate: 1 });
    expect(shape.architecture).toMatchObject({
      ...{ width: 256, layers: 6, heads: 8, kvHeads: 8, headWidth: 32, feedForward: 688, vocabulary: 4096 },
      ...{ maxLength: 256, tied: false, slidingWindow: null },
    });
    expect(tokensPerStep(shape)).toBe(2048);
  });

  it("reads the optional keys, spaces and underscores", () => {
    const shape = parseShape(
      "width=64, layers=1, heads=4, ff=1_000, vocab=4_096, batch=2, length=8, kv=2, accumulate=3, tied=1",
    );
    expect(shape.architecture).toMatchObject({ kvHeads: 2, tied: true, feedForward: 1000, vocabulary: 4096 });
    expect(tokensPerStep(shape)).toBe(48);
  });

  it("finds every problem of a line at once", () => {
    expect(problemsOf("widht=16,layers=0,heads=3,width=16,ff,tied=4,batch=5000000,length=2,length=3")).toEqual([
      'there is no key "widht"',
      "layers cannot be this",
      "ff cannot be this",
      "tied cannot be this",
      "length is given twice",
      "missing: vocab",
      "heads must divide width",
      "this micro-batch is too large",
    ]);
    expect(() => parseShape("widht=16")).toThrow(/did you mean width\?/);
    expect(() => parseShape("q=16")).toThrow(/the keys are width, layers/);
  });

  it.each(["1e3", "1.5", "-4", "4k", "0x10", "", "9007199254740993", "NaN"])("does not take %j for a size", (value) => {
    expect(problemsOf(DEFAULT_SHAPE.replace("layers=6", `layers=${value}`))).toEqual(["layers cannot be this"]);
  });

  it.each([
    ["", /there is no shape ""/],
    ["llama-8", /did you mean llama-8b\?/],
    ["width=256=3", /width cannot be this/],
    [DEFAULT_SHAPE.replace("heads=8", "heads=256"), /headWidth must be even/],
    [`${DEFAULT_SHAPE},kv=3`, /kvHeads must divide heads/],
    [DEFAULT_SHAPE.replace("layers=6", "layers=5000"), /layers is beyond/],
    [DEFAULT_SHAPE.replace("vocab=4096", "vocab=99999999999"), /largest matrix/],
  ])("refuses %j in words", (text, message) => {
    expect(() => parseShape(text)).toThrow(message);
    expect(() => parseShape(text)).toThrow(UserError);
  });
});

describe("named shapes", () => {
  // Published counts: GPT-2's 124M (here with SwiGLU and no biases), Llama 3.2 1B's 1.24B, Qwen2.5's 1.54B and 7.62B, Llama 3's 8.03B.
  it.each([
    ["gpt-124m", 124e6, 32 * 1024],
    ["llama-1.2b", 1.236e9, 4 * 4096],
    ["1.5b", 1.544e9, 524_288],
    ["7b", 7.616e9, 16 * 4 * 1024],
    ["llama-8b", 8.03e9, 4 * 8192],
  ])("%s has the parameters of its model", (name, parameters, tokens) => {
    const shape = parseShape(name);
    const share = countParameters(parameterTable(shape.architecture)) / parameters;
    expect(Math.abs(share - 1)).toBeLessThan(0.005);
    expect(tokensPerStep(shape)).toBe(tokens);
  });

  it("may be changed by pairs, once each", () => {
    const shape = parseShape("llama-1.2b, batch=2,tied=0");
    expect(shape).toMatchObject({ rows: 2, length: 4096 });
    expect(shape.architecture).toMatchObject({ tied: false, kvHeads: 8, ropeTheta: 500_000 });
    expect(problemsOf("1.5b,batch=2,batch=3")).toEqual(["batch is given twice"]);
    expect(parseShape("1.5b").architecture).toMatchObject({ qkvBias: true, headWidth: 128 });
  });
});

describe("shapeOfPlan", () => {
  let project: Project;
  beforeAll(async () => {
    project = await makeProject({ prepared: false, documents: 1 });
  });
  afterAll(async () => project[Symbol.asyncDispose]());

  it("takes the first stage's rows in micro-batches", async () => {
    const shape = shapeOfPlan(await project.plan(), 300);
    expect(shape).toMatchObject({ rows: 2, length: 32, accumulate: 2 });
    // Padded to a multiple of 8.
    expect(shape.architecture).toMatchObject({ width: 16, vocabulary: 304, tied: true });
  });

  it("never takes more rows than the step has, and leaves out a smaller last micro-batch", async () => {
    expect(shapeOfPlan(await project.plan("engine.microBatchRows=64"), 300)).toMatchObject({ rows: 4, accumulate: 1 });
    expect(shapeOfPlan(await project.plan("engine.microBatchRows=3"), 300)).toMatchObject({ rows: 3, accumulate: 1 });
  });
});
