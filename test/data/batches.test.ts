import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assemble, microBatches, settleAll } from "../../src/data/batches.js";
import type { Row } from "../../src/data/stage-order.js";
import { CountingStream } from "./counting-stream.js";

const DOCUMENT = 7;

function counting(masked = false, broken?: number): CountingStream[] {
  return [0, 1000].map(
    (first) =>
      new CountingStream({ first, tokens: 200, documentLength: DOCUMENT, masked, ...(broken ? { broken } : {}) }),
  );
}

/** Rows of `length` tokens, each of one to three pieces of either domain. */
function anyRows(length: number): fc.Arbitrary<Row[]> {
  const row = fc
    .tuple(fc.nat(1), fc.uniqueArray(fc.integer({ min: 1, max: length - 1 }), { maxLength: 2 }), fc.nat(100))
    .map(([domain, cuts, start]) => {
      const ends = [...cuts.sort((a, b) => a - b), length];
      // Pieces lie 11 tokens apart.
      const pieces = ends.map((end, i) => {
        const from = i === 0 ? 0 : ends[i - 1];
        return { start: start + from + 11 * i, length: end - from };
      });
      return { domain, epoch: 0, pieces };
    });
  return fc.array(row, { minLength: 1, maxLength: 4 });
}

/** For each token of a row: its position in its domain, and whether it is the first of its piece. */
function tokensOf(row: Row): { position: number; first: boolean }[] {
  return row.pieces.flatMap(({ start, length }) =>
    Array.from({ length }, (_, i) => ({ position: start + i, first: i === 0 })),
  );
}

/** Where each token's document starts in its row, token by token from the definition. */
function documentStarts(row: Row): number[] {
  let start = 0;
  return tokensOf(row).map(({ position, first }, i) => {
    if (first || position % DOCUMENT === 0) start = i;
    return start;
  });
}

describe("a batch", () => {
  it("holds every token, the token after it, its document's start and its target's mask", async () => {
    await fc.assert(
      fc.asyncProperty(anyRows(24), fc.boolean(), fc.boolean(), async (rows, masked, isolated) => {
        const packing = isolated ? "isolated" : "attend";
        const batch = await assemble(rows, counting(masked), { packing, length: 24 });
        expect([batch.rows, batch.length]).toEqual([rows.length, 24]);
        expect([...batch.domains_B]).toEqual(rows.map((row) => row.domain));
        const inputs = rows.flatMap((row) => tokensOf(row).map(({ position }) => row.domain * 1000 + position));
        const targets = inputs.map((id) => id + 1);
        expect([...batch.inputs_BT]).toEqual(inputs);
        expect([...batch.targets_BT]).toEqual(targets);
        expect([...batch.lossMask_BT]).toEqual(targets.map((id) => (masked ? CountingStream.maskOf(id) : 1)));
        const starts = rows.flatMap((row) => (isolated ? documentStarts(row) : tokensOf(row).map(() => 0)));
        expect([...batch.documentStart_BT]).toEqual(starts);
      }),
      { numRuns: 60 },
    );
  });

  it("starts a document at its first position, wherever the window starts", async () => {
    const rows = [{ domain: 0, epoch: 0, pieces: [{ start: 5, length: 12 }] }];
    const batch = await assemble(rows, counting(), { packing: "isolated", length: 12 });
    expect([...batch.documentStart_BT]).toEqual([0, 0, 2, 2, 2, 2, 2, 2, 2, 9, 9, 9]);
  });

  it("fills rows of whole documents up with tokens that count nowhere and see nothing", async () => {
    const rows = [
      { domain: 1, epoch: 0, pieces: [7, 70].map((start) => ({ start, length: DOCUMENT - 1 })) },
      { domain: 0, epoch: 0, pieces: [{ start: 14, length: DOCUMENT - 1 }] },
    ];
    const batch = await assemble(rows, counting(true), { packing: "whole", length: 14 });
    const documents = [1007, 1070, 14].map((first) => Array.from({ length: 6 }, (_, i) => first + i));
    const padded = [...documents[0], ...documents[1], 0, 0, ...documents[2], ...Array(8).fill(0)];
    expect([...batch.inputs_BT]).toEqual(padded);
    expect([...batch.targets_BT]).toEqual(padded.map((id) => (id === 0 ? 0 : id + 1)));
    expect([...batch.lossMask_BT]).toEqual(padded.map((id) => (id === 0 ? 0 : CountingStream.maskOf(id + 1))));
    expect([...batch.documentStart_BT]).toEqual([
      ...[...Array(6).fill(0), ...Array(6).fill(6), 12, 13],
      ...[...Array(6).fill(0), 6, 7, 8, 9, 10, 11, 12, 13],
    ]);
    await expect(assemble(rows, counting(), { packing: "whole", length: 11 })).rejects.toThrow("a row of 12 tokens");
  });

  it("is not made of rows of another length", async () => {
    const rows = [{ domain: 0, epoch: 0, pieces: [{ start: 5, length: 12 }] }];
    await expect(assemble(rows, counting(), { packing: "isolated", length: 13 })).rejects.toThrow("a row of 12 tokens");
  });

  it("is not made of a stream that gives fewer tokens than were asked for", async () => {
    const rows = [{ domain: 0, epoch: 0, pieces: [{ start: 5, length: 12 }] }];
    const [stream] = counting();
    const short = { read: (start: number, length: number) => stream.read(start, length - 1) };
    await expect(assemble(rows, [short], { packing: "isolated", length: 12 })).rejects.toThrow(
      "12 tokens were read at 5",
    );
  });

  it("fails with the read that failed, when all reads have ended", async () => {
    const rows = [0, 30, 60, 90].map((start) => ({ domain: 0, epoch: 0, pieces: [{ start, length: 20 }] }));
    const streams = counting(false, 35);
    await expect(assemble(rows, streams, { packing: "isolated", length: 20 })).rejects.toThrow("token 35 is broken");
    expect([streams[0].begun, streams[0].running]).toEqual([4, 0]);
  });
});

describe("micro-batches", () => {
  it("are the rows in order, all full but the last", () => {
    fc.assert(
      fc.property(anyRows(5), fc.integer({ min: 1, max: 6 }), (rows, most) => {
        const parts = microBatches(rows, most);
        expect(parts.flat()).toEqual(rows);
        expect(parts.slice(0, -1).every((part) => part.length === most)).toBe(true);
        expect(parts[parts.length - 1].length).toBeGreaterThan(0);
      }),
    );
  });
});

describe("settling all", () => {
  it("gives the results in order, or the first failure in order after the last has ended", async () => {
    const later = (ms: number, value: number) => new Promise<number>((resolve) => setTimeout(resolve, ms, value));
    expect(await settleAll([later(3, 1), later(1, 2)])).toEqual([1, 2]);
    let ended = false;
    const slow = later(5, 0).then(() => {
      ended = true;
      throw new Error("slow");
    });
    await expect(settleAll([slow, Promise.reject(new Error("fast"))])).rejects.toThrow("slow");
    expect(ended).toBe(true);
  });
});
