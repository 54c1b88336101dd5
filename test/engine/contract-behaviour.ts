/** State: determinism, saving and loading, clearing, several engines at once, and what is refused. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { AdamWStep, Engine, EngineTensor } from "../../src/engine/engine.js";
import { gathered } from "../../src/engine/seam.js";
import { parameterTable } from "../../src/model/parameters.js";
import { architectureOf, batchOf, weightsOf } from "./cases.js";
import type { OpenEngine } from "./contract.js";
import { loaded } from "./contract-numbers.js";
import { snapshot } from "./snapshot.js";

const architecture = architectureOf({ tied: true, qkNorm: true });
const table = parameterTable(architecture);
const NOT_DETERMINISTIC = "this engine says that it is not deterministic";
const KINDS = ["weight", "moment1", "moment2"] as const;

function step(update: number): AdamWStep {
  return { learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipScale: 0.9, update };
}

async function train(engine: Engine, first: number, last: number): Promise<void> {
  for (let update = first; update <= last; update++) {
    await engine.accumulate(batchOf(architecture, { seed: update, documents: [5] }), 0.05);
    await engine.accumulate(batchOf(architecture, { seed: 100 + update }), 0.05);
    await engine.update(step(update));
  }
}

async function everything(engine: Engine): Promise<EngineTensor[]> {
  return snapshot(engine, ...KINDS);
}

export function behaviourContract(open: OpenEngine): void {
  describe("state", () => {
    it("gives the same bits twice, with another engine in between", async ({ skip }) => {
      using first = await loaded(open, { architecture });
      using second = await loaded(open, { architecture });
      skip(!first.describe().deterministic, NOT_DETERMINISTIC);
      for (let update = 1; update <= 3; update++) {
        await train(first, update, update);
        await train(second, update, update);
      }
      expect(await everything(second)).toEqual(await everything(first));
    });

    it("goes on bit for bit from a snapshot", async ({ skip }) => {
      using straight = await loaded(open, { architecture });
      skip(!straight.describe().deterministic, NOT_DETERMINISTIC);
      await train(straight, 1, 2);
      using resumed = await open(architecture, table);
      await resumed.load(await everything(straight));
      await train(straight, 3, 4);
      await train(resumed, 3, 4);
      expect(await everything(resumed)).toEqual(await everything(straight));
    });

    it("takes a snapshot while the next step is under way, as it would in rest", async ({ skip }) => {
      using resting = await loaded(open, { architecture });
      using busy = await loaded(open, { architecture });
      skip(!resting.describe().deterministic, NOT_DETERMINISTIC);
      await train(resting, 1, 2);
      await train(busy, 1, 2);
      const taken = everything(busy);
      await train(busy, 3, 3);
      expect(await taken).toEqual(await everything(resting));
      await train(resting, 3, 3);
      expect(await everything(busy)).toEqual(await everything(resting));
    });

    it("copies through little memory what there was, and updates when all is taken", async ({ skip }) => {
      using resting = await loaded(open, { architecture });
      using busy = await loaded(open, { architecture });
      skip(!resting.describe().deterministic, NOT_DETERMINISTIC);
      for (const engine of [resting, busy]) await train(engine, 1, 2);
      const copy = busy.copyOut(KINDS, 512);
      await busy.accumulate(batchOf(architecture), 0.05);
      let updated = false;
      const update = busy.update(step(3)).then(() => {
        updated = true;
      });
      const taken: EngineTensor[] = [];
      for (const { name, kind, shape, pieces } of copy.tensors) {
        await delay(1);
        // The last 512 bytes are all moments.
        if (kind !== "moment2") expect(updated).toBe(false);
        taken.push({ name, kind, shape, data: await gathered({ name, kind, shape, pieces }) });
      }
      expect(taken).toEqual(await everything(resting));
      await update;
      await resting.accumulate(batchOf(architecture), 0.05);
      await resting.update(step(3));
      expect(await everything(busy)).toEqual(await everything(resting));
    });

    it("updates when a copy is given up", async () => {
      using engine = await loaded(open, { architecture });
      const copy = engine.copyOut(["weight"], 512);
      await engine.accumulate(batchOf(architecture), 0.05);
      const update = engine.update(step(1));
      copy[Symbol.dispose]();
      await update;
      expect(await snapshot(engine, "weight")).not.toEqual(weightsOf(table));
    });

    it("takes a snapshot in the table's order, as copies", async () => {
      using engine = await loaded(open, { architecture });
      const given = weightsOf(table);
      const taken = await snapshot(engine, "weight");
      expect(taken).toEqual(given);
      for (const { data } of taken) data.fill(7);
      expect(await snapshot(engine, "weight")).toEqual(given);
    });

    it("does not keep the arrays that it loads", async () => {
      const given = weightsOf(table);
      using engine = await open(architecture, table);
      await engine.load(given);
      for (const { data } of given) data.fill(7);
      expect(await snapshot(engine, "weight")).toEqual(weightsOf(table));
    });

    it("starts with moments and gradients of zero, and loading brings them back to it", async () => {
      using engine = await loaded(open, { architecture });
      await train(engine, 1, 1);
      await engine.accumulate(batchOf(architecture), 1);
      await engine.load(weightsOf(table));
      for (const kind of ["moment1", "moment2", "gradient"] as const)
        for (const { name, data } of await snapshot(engine, kind))
          expect(
            data.every((value) => value === 0),
            name,
          ).toBe(true);
      expect(await engine.gradientNorm()).toBe(0);
    });

    it("clears the gradient with discard and with update, and not with evaluate", async () => {
      using engine = await loaded(open, { architecture });
      const batch = batchOf(architecture);
      await engine.accumulate(batch, 1);
      const norm = await engine.gradientNorm();
      await engine.evaluate(batch);
      expect(await engine.gradientNorm()).toBe(norm);
      engine.discard();
      expect(await engine.gradientNorm()).toBe(0);
      await engine.accumulate(batch, 1);
      await engine.update(step(1));
      expect(await engine.gradientNorm()).toBe(0);
    });

    it("leaves other engines alone when it is disposed", async () => {
      using stays = await loaded(open, { architecture });
      const batch = batchOf(architecture);
      const before = await stays.evaluate(batch);
      const goes = await loaded(open, { architecture });
      await goes.accumulate(batch, 1);
      goes[Symbol.dispose]();
      expect(await stays.evaluate(batch)).toEqual(before);
    });
  });

  describe("refusals", () => {
    it.each([
      ["a weight that is missing", (tensors: EngineTensor[]) => tensors.slice(1)],
      ["a tensor of another shape", ([one, ...rest]: EngineTensor[]) => [{ ...one, shape: [1, 1] }, ...rest]],
      [
        "a tensor with too few values",
        ([one, ...rest]: EngineTensor[]) => [{ ...one, data: new Float32Array(3) }, ...rest],
      ],
      ["a tensor that comes twice", ([one, ...rest]: EngineTensor[]) => [one, one, ...rest]],
      [
        "a tensor that it does not know",
        (tensors: EngineTensor[]) => [...tensors, { ...tensors[0], name: "stranger" }],
      ],
    ])("%s; the old weights stay", async (_name, spoil) => {
      using engine = await loaded(open, { architecture });
      const spoilt = spoil(weightsOf(table, 2)) as EngineTensor[];
      await expect(engine.load(spoilt)).rejects.toThrow(/model\.embed_tokens|stranger/);
      expect(await snapshot(engine, "weight")).toEqual(weightsOf(table));
    });

    it.each(["inputs_BT", "targets_BT"] as const)("%s outside the vocabulary", async (field) => {
      using engine = await loaded(open, { architecture });
      const batch = batchOf(architecture);
      const strange = { ...batch, [field]: batch[field].with(3, architecture.vocabulary) };
      await expect(engine.accumulate(strange, 1)).rejects.toThrow(/token 53 .* vocabulary of 53/);
      await expect(engine.evaluate(strange)).rejects.toThrow(RangeError);
    });

    it("an update without a gradient", async () => {
      using engine = await loaded(open, { architecture });
      await expect(engine.update(step(1))).rejects.toThrow(/gradient/);
      expect(await snapshot(engine, "weight")).toEqual(weightsOf(table));
    });
  });
}
