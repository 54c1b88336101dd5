/**
 * Every family of models that can be continued, from folders that `transformers` wrote: imported, run, trained and given back. An engine
 * may be twice as far from float64 as PyTorch's own float32 runs are.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AdamWStep, EngineTensor } from "../../src/engine/engine.js";
import { fromHuggingFaceConfig, toHuggingFaceConfig } from "../../src/model/hugging-face.js";
import { clipScale } from "../../src/optim/clipping.js";
import { referenceTensors } from "../engine/cases.js";
import { describeKernels } from "../engine/native/cpu/kernel-devices.js";
import { snapshot } from "../engine/snapshot.js";
import { distance } from "../engine/tolerance.js";
import { adamW } from "../reference/adamw.js";
import { EXACT } from "../reference/arithmetic.js";
import { ReferenceDecoder } from "../reference/decoder.js";
import { rowSums } from "../reference/loss.js";
import {
  countOf,
  type Expected,
  engineOf,
  exactLogits,
  expectLikeTransformers,
  type ImportedFolder,
  importFolder,
  microBatch,
  native,
  type OpenEngine,
  readExpected,
  tfjs,
} from "./families.js";

const ROOT = join(import.meta.dirname, "../golden/families");
const FAMILIES = readdirSync(ROOT);
/** Float64's rounding is 2^29 times finer than float32's; some of that for sums in another order. */
const DOUBLE = 2 ** -20;

function configOf(family: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, family, "config.json"), "utf8")) as Record<string, unknown>;
}

describe.each(FAMILIES)("the reference imports %s", (family) => {
  const folder = join(ROOT, family);
  const expected = readExpected(folder);

  it("and computes what transformers computes in float64", async () => {
    const imported = await importFolder(folder);
    const decoder = new ReferenceDecoder(EXACT, imported.architecture, referenceTensors(imported.weights));
    const rows = Array.from({ length: expected.rows }, (_, row) => microBatch(expected, 0, row));
    const logits = rows.flatMap((row) => [...decoder.forward(row).logits]);
    expect(distance(logits, exactLogits(expected))).toBeLessThan(DOUBLE * expected.logitsError);
    const losses = referenceLosses(imported, expected);
    expect(distance(losses, expected.losses.flat())).toBeLessThan(DOUBLE * expected.lossesError);
  });

  it("and its config.json says the same in the form of version 4, and in ours", async () => {
    const { architecture } = await importFolder(folder);
    const { rope_parameters: rope, dtype, ...rest } = configOf(family);
    const { rope_theta, ...scaling } = rope as Record<string, unknown>;
    const rope_scaling = scaling["rope_type"] === "default" ? null : scaling;
    expect(fromHuggingFaceConfig({ ...rest, torch_dtype: dtype, rope_theta, rope_scaling })).toEqual(architecture);
    const ours = toHuggingFaceConfig(architecture, { dtype: "float32", endOfText: 0 });
    expect(fromHuggingFaceConfig(ours)).toEqual(architecture);
    // Without a window Mistral is the same decoder as Llama, and written as one.
    const written = family === "mistral-0.3" ? ["LlamaForCausalLM"] : configOf(family)["architectures"];
    expect(ours["architectures"]).toEqual(written);
  });
});

describeKernels("native-cpu imports", () => imports(native));
describe("tfjs-cpu imports", () => imports(tfjs));

function imports(open: OpenEngine): void {
  it.each(FAMILIES)("%s", async (family) => {
    const folder = join(ROOT, family);
    const expected = readExpected(folder);
    using engine = await engineOf(folder, open);

    expect(byName(await snapshot(engine, "weight"))).toEqual(byName((await importFolder(folder)).weights));
    await expectLikeTransformers(engine, expected);
  });
}

/** Summed loss of every row while the reference trains. */
function referenceLosses({ architecture, table, weights }: ImportedFolder, expected: Expected): number[] {
  const { clip, ...rates } = expected.step;
  const values = referenceTensors(weights);
  const moments = table.map(({ name, decays }) => {
    const weight = values.get(name) ?? new Float64Array();
    return { name, decays, weight, moment1: new Float64Array(weight.length), moment2: new Float64Array(weight.length) };
  });
  const losses: number[] = [];
  for (let step = 0; step < expected.tokens.length; step++) {
    const decoder = new ReferenceDecoder(EXACT, architecture, values);
    const rows = Array.from({ length: expected.rows }, (_, row) => microBatch(expected, step, row));
    for (const row of rows) losses.push(...rowSums(row, decoder.losses(row)));
    const gradients = rows.map((row) => decoder.gradients(row, 1 / countOf(expected, step)));
    const total = (name: string): Float64Array =>
      (gradients[0]?.get(name) ?? new Float64Array()).map((first, at) =>
        gradients.slice(1).reduce((sum, other) => sum + (other.get(name)?.[at] ?? Number.NaN), first),
      );
    const sums = new Map(table.map(({ name }) => [name, total(name)]));
    const squares = [...sums.values()].flatMap((sum) => [...sum]).reduce((all, value) => all + value ** 2, 0);
    const update: AdamWStep = { ...rates, clipScale: clipScale(Math.sqrt(squares), clip), update: step + 1 };
    for (const one of moments) adamW(EXACT, one, sums.get(one.name) ?? new Float64Array(), update, one.decays);
  }
  return losses;
}

function byName(tensors: readonly EngineTensor[]): Map<string, EngineTensor> {
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}
