/** Losses, gradients and updates against the float64 reference, within the derived tolerance (`tolerance.ts`). */
import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/data/batch.js";
import type { AdamWStep, Engine, EngineTensor } from "../../src/engine/engine.js";
import { adamW } from "../reference/adamw.js";
import type { Arithmetic } from "../reference/arithmetic.js";
import { ReferenceDecoder } from "../reference/decoder.js";
import { architectureOf, batchOf, CASES, type Case, modelOf, padded, referenceTensors } from "./cases.js";
import type { OpenEngine } from "./contract.js";
import { snapshot } from "./snapshot.js";
import { distance, type Expectation, expectationOf, expectClose, type Results } from "./tolerance.js";

const SCALE = 0.1;
const LOSSES = "losses";

export function numbersContract(open: OpenEngine): void {
  describe.each(CASES)("$name", (model) => {
    const expected = once(() => expectationOf((a) => lossesAndGradients(a, model)));

    it("gives the reference's loss for every token", async () => {
      using engine = await loaded(open, model);
      const found = await engine.evaluate(tokenByToken(model.batch));
      expectClose(
        new Map([[LOSSES, found.lossSum_B]]),
        only(expected(), (name) => name === LOSSES),
      );
      expect([...found.tokens_B]).toEqual([...model.batch.lossMask_BT]);
    });

    it("gives the reference's gradient of every parameter", async () => {
      using engine = await loaded(open, model);
      const found = await engine.accumulate(model.batch, SCALE);
      const gradients = named(await snapshot(engine, "gradient"));
      expectClose(
        gradients,
        only(expected(), (name) => name !== LOSSES),
      );
      // Both sums are within the tolerance of the exact one; by Cauchy, a row's error is at most √T times that of its tokens.
      const evaluated = await engine.evaluate(model.batch);
      const limit = 2 * Math.sqrt(model.batch.length) * (expected().allowed.get(LOSSES) ?? 0);
      expect(found.tokens_B).toEqual(evaluated.tokens_B);
      expect(distance(found.lossSum_B, evaluated.lossSum_B)).toBeLessThanOrEqual(limit);
    });
  });

  it.each([
    ["under a mask", { rows: 3, counts: (row: number, at: number) => at > row }],
    ["of whole documents and padding, one row with nothing else", padded(9, [3], 6)],
  ])("adds micro-batches up to the gradient of one batch: rows %s", async (_name, options) => {
    const architecture = architectureOf({ tied: true });
    const model = { architecture, batch: batchOf(architecture, options) };
    using engine = await loaded(open, model);
    for (let row = 0; row < 3; row++) await engine.accumulate(rowOf(model.batch, row), SCALE);
    expectClose(
      named(await snapshot(engine, "gradient")),
      expectationOf((a) => gradientsOf(a, model)),
    );
  });

  it.each([
    ["untied, with decay and clipping", { layers: 1 }, { weightDecay: 0.1, clipScale: 0.7 }],
    ["tied, Qwen3, without either", { layers: 1, tied: true, qkNorm: true, qkvBias: true }, {}],
  ] as const)("takes ten AdamW steps like the reference: %s", async (_name, changes, options) => {
    const architecture = architectureOf(changes);
    const model = { architecture, batch: batchOf(architecture, { length: 9 }) };
    using engine = await loaded(open, model);
    for (const step of tenSteps(options)) {
      await engine.accumulate(model.batch, SCALE);
      await engine.update(step);
    }
    const found = await Promise.all((["weight", "moment1", "moment2"] as const).map((kind) => snapshot(engine, kind)));
    expectClose(
      named(found.flat()),
      expectationOf((a) => trainedBy(a, model, tenSteps(options))),
    );
  });

  it("measures the gradient's norm", async () => {
    const model = CASES[0] as Case;
    using engine = await loaded(open, model);
    await engine.accumulate(model.batch, SCALE);
    const gradients = await snapshot(engine, "gradient");
    let squares = 0;
    let longest = 0;
    for (const { data, shape } of gradients) {
      for (const value of data) squares += value ** 2;
      longest = Math.max(longest, shape.at(-1) ?? 1);
    }
    // A sum of n rounded squares in any order is off by at most n roundings, its root by half of that.
    const roundings = (longest + 1) / 2;
    const norm = Math.sqrt(squares);
    expect(Math.abs((await engine.gradientNorm()) - norm)).toBeLessThanOrEqual(roundings * 2 ** -24 * norm);
  });
}

/** An engine with the case's weights. */
export async function loaded(open: OpenEngine, model: Pick<Case, "architecture">): Promise<Engine> {
  const { table, weights } = modelOf(model);
  const engine = await open(model.architecture, table);
  await engine.load(weights);
  return engine;
}

/** Tensors by name (and kind, where it is not a gradient). */
function named(tensors: readonly EngineTensor[]): Results {
  return new Map(tensors.map(({ name, kind, data }) => [kind === "gradient" ? name : `${kind} ${name}`, data]));
}

function referenceOf(a: Arithmetic, { architecture }: Pick<Case, "architecture">): ReferenceDecoder {
  return new ReferenceDecoder(a, architecture, referenceTensors(modelOf({ architecture }).weights));
}

/** The loss of every token. */
export function lossesOf(a: Arithmetic, model: Pick<Case, "architecture" | "batch">): Results {
  return new Map([[LOSSES, referenceOf(a, model).losses(model.batch)]]);
}

function gradientsOf(a: Arithmetic, model: Pick<Case, "architecture" | "batch">): Results {
  return referenceOf(a, model).gradients(model.batch, SCALE);
}

function lossesAndGradients(a: Arithmetic, model: Case): Results {
  return new Map([...lossesOf(a, model), ...gradientsOf(a, model)]);
}

function only({ exact, allowed }: Expectation, wanted: (name: string) => boolean): Expectation {
  return { exact: new Map([...exact].filter(([name]) => wanted(name))), allowed };
}

/** The value of `make`, made when first asked for. */
function once<R>(make: () => R): () => R {
  let made: { readonly value: R } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function tenSteps(options: Partial<AdamWStep>): AdamWStep[] {
  return Array.from({ length: 10 }, (_, index) => ({
    learningRate: 1e-3 * Math.min(1, (index + 1) / 4),
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    weightDecay: 0,
    clipScale: 1,
    update: index + 1,
    ...options,
  }));
}

function trainedBy(
  a: Arithmetic,
  { architecture, batch }: Pick<Case, "architecture" | "batch">,
  steps: readonly AdamWStep[],
): Results {
  const { table, weights } = modelOf({ architecture });
  const values = referenceTensors(weights);
  const trained = table.map(({ name, decays }) => {
    const weight = values.get(name) ?? new Float64Array();
    const moments = { moment1: new Float64Array(weight.length), moment2: new Float64Array(weight.length) };
    return { name, decays, weight, ...moments };
  });
  for (const step of steps) {
    const gradients = new ReferenceDecoder(a, architecture, values).gradients(batch, SCALE);
    for (const one of trained) adamW(a, one, gradients.get(one.name) ?? new Float64Array(), step, one.decays);
  }
  const kinds = ["weight", "moment1", "moment2"] as const;
  return new Map(trained.flatMap((one) => kinds.map((kind) => [`${kind} ${one.name}`, one[kind]] as const)));
}

/** One row of a batch. */
export function rowOf(batch: Batch, row: number): Batch {
  return pick(batch, [row], (_copy, _position, counted) => counted);
}

/** A batch whose rows each count one token of `batch` only, so that row losses are token losses. */
export function tokenByToken(batch: Batch): Batch {
  const places = Array.from({ length: batch.rows * batch.length }, (_, place) => Math.floor(place / batch.length));
  return pick(batch, places, (copy, position, counted) => (position === copy % batch.length ? counted : 0));
}

function pick(
  batch: Batch,
  rows: readonly number[],
  mask: (copy: number, position: number, bit: number) => number,
): Batch {
  const { length } = batch;
  const gather = (values: ArrayLike<number>): number[] =>
    rows.flatMap((row) => Array.from({ length }, (_, position) => values[row * length + position] as number));
  return {
    rows: rows.length,
    length,
    inputs_BT: Int32Array.from(gather(batch.inputs_BT)),
    targets_BT: Int32Array.from(gather(batch.targets_BT)),
    lossMask_BT: Uint8Array.from(gather(batch.lossMask_BT), (bit, index) =>
      mask(Math.floor(index / length), index % length, bit),
    ),
    documentStart_BT: Int32Array.from(gather(batch.documentStart_BT)),
    domains_B: Int32Array.from(rows, (row) => batch.domains_B[row] as number),
  };
}
