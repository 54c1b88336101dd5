/** Tensors on their way out through a bounded number of blocks. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { CopyOut, type OutgoingSpec, type Part } from "../../src/engine/copy-out.js";
import type { Piece, TensorCopy } from "../../src/engine/engine.js";

const SPECS: readonly OutgoingSpec[] = [
  { name: "a", kind: "weight", shape: [7, 11], dtype: "F32" },
  { name: "b", kind: "weight", shape: [2], dtype: "BF16" },
  { name: "c", kind: "weight", shape: [3, 50], dtype: "BF16" },
  { name: "d", kind: "weight", shape: [0], dtype: "F32" },
  { name: "e", kind: "moment1", shape: [301], dtype: "F32" },
];
const BYTES = 4 * 77 + 4 + 300 + 4 * 301;

/** Values that tell their tensor and place. */
async function read({ name, start }: Part, into: Piece): Promise<void> {
  for (let at = 0; at < into.length; at++) into[at] = name.charCodeAt(0) * 500 + start + at;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

/** All values by name; a piece may be written over as soon as the next is asked for. */
async function all({ tensors }: TensorCopy, afterPiece = async () => {}): Promise<Record<string, number[]>> {
  const values: Record<string, number[]> = {};
  for (const { name, pieces } of tensors) {
    values[name] = [];
    for await (const piece of pieces()) {
      await afterPiece();
      values[name].push(...piece);
    }
  }
  return values;
}

const EXPECTED = Object.fromEntries(
  SPECS.map(({ name, shape }) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return [name, Array.from({ length: size }, (_, at) => name.charCodeAt(0) * 500 + at)];
  }),
);

describe("CopyOut", () => {
  it.each([1, 16, 17, 100, 256, 1000, BYTES, 10 * BYTES, Number.POSITIVE_INFINITY])(
    "holds at most %d bytes, gives every value once and in order, to a slow taker and to a fast one",
    async (aheadBytes) => {
      for (const slow of [0, 3]) {
        const copy = new CopyOut(SPECS, aheadBytes);
        let filled = false;
        const filling = copy.fill(read).then(() => {
          filled = true;
        });
        await turns(slow * 100);
        let most = 0;
        const values = await all(copy, async () => {
          most = Math.max(most, copy.heldBytes);
          await turns(slow);
        });
        expect(values).toEqual(EXPECTED);
        expect(most).toBeLessThanOrEqual(Math.max(16, Math.min(aheadBytes, BYTES)));
        expect(most).toBeGreaterThan(0);
        await filling;
        expect(filled).toBe(true);
      }
    },
  );

  it.each([BYTES, Number.POSITIVE_INFINITY])("copies all before anything is taken, with %d bytes", async (ahead) => {
    const copy = new CopyOut(SPECS, ahead);
    await copy.fill(read);
    expect(copy.heldBytes).toBe(BYTES);
    expect(await all(copy)).toEqual(EXPECTED);
  });

  it("begins float32 numbers where they may stand after an odd number of bf16 ones", async () => {
    const specs = [{ ...SPECS[1], shape: [3] }, SPECS[0]];
    for (const ahead of [16, 100, 1000]) {
      const copy = new CopyOut(specs, ahead);
      const filling = copy.fill(read);
      expect(await all(copy)).toEqual({ b: EXPECTED["b"].concat(49002), a: EXPECTED["a"] });
      await filling;
    }
  });

  it("waits when its blocks are full, and goes on by as much as is taken", async () => {
    const copy = new CopyOut(SPECS, 128);
    let bytes = 0;
    const filling = copy.fill(async (part, into) => {
      bytes += into.byteLength;
      await read(part, into);
    });
    await turns(20);
    expect(bytes).toBe(128);
    const [first] = copy.tensors;
    const pieces = first.pieces();
    if (!(Symbol.asyncIterator in pieces)) throw new Error("pieces come one after the other");
    const iterator = pieces[Symbol.asyncIterator]();
    await iterator.next();
    await turns(20);
    expect(bytes).toBe(128);
    await iterator.next();
    await turns(20);
    expect(bytes).toBe(192);
    copy[Symbol.dispose]();
    await filling;
    expect([bytes, copy.heldBytes]).toEqual([192, 0]);
    await expect(iterator.next()).rejects.toThrow("disposed");
  });

  it("tells who takes what kept it from being read, also when that waits already", async () => {
    const copy = new CopyOut(SPECS, 64);
    const taking = expect(all(copy)).rejects.toThrow("torn");
    await turns(3);
    const torn = async () => Promise.reject(new Error("torn"));
    await copy.fill(torn).catch((error: unknown) => copy.fail(error));
    await taking;
  });

  it("says so where memory ends", async () => {
    vi.stubGlobal("ArrayBuffer", function refuse() {
      throw new RangeError("Array buffer allocation failed");
    });
    onTestFinished(() => void vi.unstubAllGlobals());
    const filling = new CopyOut(SPECS, 64).fill(read);
    await expect(filling).rejects.toThrow(
      /no memory left for the copies of a checkpoint[\s\S]*0 B so far: Array buffer/,
    );
    await expect(filling).rejects.toThrow(UserError);
  });

  it("refuses to be taken out of order or twice", async () => {
    const copy = new CopyOut(SPECS, Number.POSITIVE_INFINITY);
    await copy.fill(read);
    const [first, second] = copy.tensors;
    const take = async ({ pieces }: typeof first) => {
      for await (const _ of pieces());
    };
    await expect(take(second)).rejects.toThrow("in their order");
    await take(first);
    await expect(take(first)).rejects.toThrow("once");
    await take(second);
  });
});
