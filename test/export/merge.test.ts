/** Merged folders: properties of whole models, and what does not fit together. */
import { beforeEach, describe, expect, it } from "vitest";
import { messageOf, UserError } from "../../src/base/errors.js";
import { exportModel } from "../../src/export/export.js";
import { type Merge, mergedModel, openAgreeing } from "../../src/export/merge.js";
import type { Architecture } from "../../src/model/architecture.js";
import { type Dtype, exportOptions, modelFolder, rawTensors, SMALL, TOKENIZER } from "./folders.js";

/** Merges into a folder and returns its tensors. */
async function merged(folders: readonly [string, ...string[]], merge: Merge, dtype: "F32" | "BF16" = "F32") {
  const [first, ...others] = (await openAgreeing(folders)).models;
  const options = exportOptions({ verify: "tensors", dtype });
  await exportModel(mergedModel([first, ...others], merge), folders, options);
  return rawTensors(options.output);
}

const average = (...weights: number[]): Merge => ({ kind: "average", weights });
const interpolate = (alpha: number): Merge => ({ kind: "interpolate", alpha });
const addDifference = (scale = 1): Merge => ({ kind: "add-difference", scale });

function valuesOf(tensors: ReturnType<typeof rawTensors>, name: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(tensors[name].bytes, "hex")).buffer);
}

describe("merged folders", () => {
  let a: string;
  let b: string;
  let c: string;
  beforeEach(() => {
    [a, b, c] = [1, 2, 3].map((seed) => modelFolder({ seed }));
  });

  it("the average of equal folders is those folders", async () => {
    expect(await merged([a, a, a], average(1, 1, 1))).toEqual(rawTensors(a));
    expect(await merged([a, a], average(0.3, 0.9))).toEqual(rawTensors(a));
  });

  it("interpolation gives the base at 0 and the tuned model at 1", async () => {
    expect(await merged([a, b], interpolate(0))).toEqual(rawTensors(a));
    expect(await merged([a, b], interpolate(1))).toEqual(rawTensors(b));
  });

  it("the difference of equal models changes nothing", async () => {
    expect(await merged([b, b, c], addDifference(1.5))).toEqual(rawTensors(c));
  });

  it("a difference added to its own base is the tuned model, but for what float64 cannot hold", async () => {
    const [found, base, tuned] = [await merged([a, b, a], addDifference()), rawTensors(a), rawTensors(b)];
    for (const name of Object.keys(tuned)) {
      const [x, y] = [valuesOf(base, name), valuesOf(tuned, name)];
      // Half a unit of float32 in the result, and of float64 in the larger of the two terms.
      for (const [i, value] of valuesOf(found, name).entries())
        expect(Math.abs(value - y[i])).toBeLessThanOrEqual(2 ** -24 * Math.abs(y[i]) + 2 ** -52 * Math.abs(x[i]));
    }
  });

  it("every tensor is merged with its namesake, element by element", async () => {
    const [x, y, found] = [rawTensors(a), rawTensors(b), await merged([a, b], average(1, 3))];
    for (const name of Object.keys(x)) {
      const [left, right] = [valuesOf(x, name), valuesOf(y, name)];
      expect([...valuesOf(found, name)], name).toEqual(
        [...left].map((value, i) => Math.fround((value + 3 * right[i]) / 4)),
      );
    }
  });

  it("types may differ: what is merged are values", async () => {
    const folders: Record<Dtype, string> = {
      F32: modelFolder({ dtype: "F32", values: (_, values) => values.fill(0.5) }),
      BF16: modelFolder({ dtype: "BF16", values: (_, values) => values.fill(0.5) }),
      F16: modelFolder({ dtype: "F16", seed: 4 }),
    };
    expect(await merged([folders.F32, folders.BF16], average(1, 1), "BF16")).toEqual(rawTensors(folders.BF16));
    expect(await merged([folders.F16, folders.F32, folders.BF16], addDifference(0), "BF16")).toEqual(
      rawTensors(folders.BF16),
    );
  });
});

describe("folders that do not fit", () => {
  async function refusalOf(...folders: string[]): Promise<string> {
    const error: unknown = await openAgreeing(folders).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    return messageOf(error);
  }

  const folderOf = (changes: Partial<Architecture>) => modelFolder({ architecture: { ...SMALL, ...changes } });

  it("are refused with every difference named", async () => {
    const refusal = await refusalOf(
      modelFolder(),
      folderOf({ vocabulary: 280, ropeTheta: 500_000 }),
      folderOf({
        tied: true,
        ropeScaling: { factor: 2, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 64 },
      }),
    );
    expect(refusal.match(/this model's \w+/g)).toEqual(
      ["vocabulary", "ropeTheta", "ropeScaling", "tied"].map((name) => `this model's ${name}`),
    );
    expect(refusal).toMatch(/expected: 264\n {2}got: 280\n {2}hint: .*vocabulary that grew/);
  });

  it("are refused when their tokenizers differ, or one is missing", async () => {
    const other = structuredClone(TOKENIZER) as { added_tokens: { content: string }[] };
    other.added_tokens[0].content = "</s>";
    const files = { "tokenizer.json": other, "tokenizer_config.json": { eos_token: "</s>" } };
    const bare = modelFolder({ files: { "tokenizer.json": null } });
    expect(await refusalOf(modelFolder(), modelFolder({ files }), bare)).toMatch(
      /tokenizer is not that of[\s\S]*tokenizer is not that of[\s\S]*got: none/,
    );
    await expect(openAgreeing([bare, bare])).resolves.toBeDefined();
  });

  it("are merged with a warning when only the longest row differs", async () => {
    const { warnings } = await openAgreeing([modelFolder(), folderOf({ maxLength: 4096 })]);
    expect(warnings).toEqual([expect.stringMatching(/meant for rows of 4096 tokens, .* for 128/)]);
  });
});
