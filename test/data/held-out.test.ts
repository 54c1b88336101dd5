import { describe, expect, it } from "vitest";
import { type Batch, lossTokens } from "../../src/data/batch.js";
import { type HeldOutOptions, heldOutBatches } from "../../src/data/held-out.js";
import { CountingStream, drain } from "./counting-stream.js";

const DOCUMENT = 7;

describe("held-out batches", () => {
  async function read(tokens: number, options: Partial<HeldOutOptions>): Promise<Batch[]> {
    const stream = new CountingStream({ first: 0, tokens, documentLength: DOCUMENT, masked: false });
    const all = { domain: 3, length: 10, maxTokens: 1000, rows: 4, packing: "isolated" as const, ...options };
    return drain(heldOutBatches(stream, all));
  }

  it("are the windows of the stream in order, to its end", async () => {
    const batches = await read(98, {});
    expect(batches.map(({ rows }) => rows)).toEqual([4, 4, 1]);
    expect(batches.flatMap(({ inputs_BT }) => [...inputs_BT])).toEqual(Array.from({ length: 90 }, (_, i) => i));
    expect(batches.flatMap(({ domains_B }) => [...domains_B])).toEqual(Array(9).fill(3));
    expect(await read(98, {})).toEqual(batches);
  });

  it("count no more targets than asked for, but one window", async () => {
    const counts = [1, 10, 19, 20, 59, 95].map(async (maxTokens) =>
      (await read(98, { maxTokens })).reduce((sum, batch) => sum + lossTokens(batch), 0),
    );
    expect(await Promise.all(counts)).toEqual([10, 10, 10, 20, 50, 90]);
  });

  it("are one shorter row for a stream shorter than a window, and none for one with nothing to predict", async () => {
    const [batch, ...others] = await read(6, {});
    expect(others).toEqual([]);
    expect([batch.rows, batch.length, ...batch.inputs_BT]).toEqual([1, 5, 0, 1, 2, 3, 4]);
    expect((await read(11, {}))[0].length).toBe(10);
    expect(await read(1, {})).toEqual([]);
    expect(await read(0, {})).toEqual([]);
  });

  it("are whole documents, packed, where the run's are: as many as the tokens allow, and those that fit", async () => {
    const whole = { packing: "whole" as const, length: 13 };
    const batches = await read(70, { ...whole, maxTokens: 30, rows: 2 });
    // Five documents of six inputs, two to a row.
    expect(batches.map(({ rows, length }) => [rows, length])).toEqual([
      [2, 13],
      [1, 13],
    ]);
    expect(batches.map(lossTokens)).toEqual([24, 6]);
    const starts = batches.flatMap(({ inputs_BT, lossMask_BT }) =>
      [...inputs_BT].filter((id, i) => lossMask_BT[i] === 1 && id % DOCUMENT === 0),
    );
    expect(starts.sort((a, b) => a - b)).toEqual([0, 7, 14, 21, 28]);
    expect((await read(70, { ...whole, maxTokens: 1 })).map(lossTokens)).toEqual([6]);
    expect(await read(70, { ...whole, length: 5 })).toEqual([]);
  });
});
