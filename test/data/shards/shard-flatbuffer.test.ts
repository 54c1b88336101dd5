import { Field, Int32, Schema } from "apache-arrow";
import { Message } from "apache-arrow/ipc/metadata/message";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countAt, FlatTable } from "../../../src/data/shards/shard-flatbuffer.js";

/** A schema message made by Arrow's own encoder. */
const MESSAGE = Message.encode(
  Message.from(
    new Schema(
      [new Field("first", new Int32(), true), new Field("zweite Spalte ä", new Int32(), false)],
      new Map([["key", "value"]]),
    ),
  ),
);

function names(bytes: Uint8Array): (string | null)[] {
  const schema = FlatTable.root(bytes).table(2);
  return schema === null ? [] : Array.from(schema.tables(1), (field) => field.text(0));
}

describe("FlatTable", () => {
  it("reads what Arrow's encoder wrote", () => {
    const message = FlatTable.root(MESSAGE);
    expect(message.int16(0)).toBe(4);
    expect(message.uint8(1)).toBe(1);
    expect(message.count(3)).toBe(0);
    expect(names(MESSAGE)).toEqual(["first", "zweite Spalte ä"]);
    const schema = message.table(2);
    expect(Array.from(schema?.tables(2) ?? [], (pair) => [pair.text(0), pair.text(1)])).toEqual([["key", "value"]]);
    expect(Array.from(schema?.tables(1) ?? [], (field) => field.table(3)?.int32(0))).toEqual([32, 32]);
  });

  it("gives the default of what is absent", () => {
    const message = FlatTable.root(MESSAGE);
    expect(message.table(4)).toBeNull();
    expect(message.vector(40, 8)).toBeNull();
    expect(message.text(40)).toBeNull();
    expect([...message.tables(40)]).toEqual([]);
    expect([message.uint8(40, 3), message.int16(40, 4), message.int32(40, 5), message.count(40)]).toEqual([3, 4, 5, 0]);
  });

  it("reads bytes that lie anywhere in a larger buffer", () => {
    const larger = new Uint8Array(MESSAGE.length + 24).fill(255);
    larger.set(MESSAGE, 8);
    expect(names(larger.subarray(8, 8 + MESSAGE.length))).toEqual(["first", "zweite Spalte ä"]);
  });

  it("answers damage with a RangeError or with values, never otherwise", () => {
    fc.assert(
      fc.property(
        fc.nat(MESSAGE.length),
        fc.array(fc.tuple(fc.nat(MESSAGE.length - 1), fc.nat(255)), { maxLength: 6 }),
        (length, changes) => {
          const bytes = Uint8Array.from(MESSAGE);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            expect(names(bytes.subarray(0, length)).length).toBeLessThan(MESSAGE.length);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("refuses a vector that claims more than there is", () => {
    const schema = FlatTable.root(MESSAGE).table(2);
    const at = (schema?.vector(1, 4)?.at ?? 0) - 4;
    const bytes = Uint8Array.from(MESSAGE);
    new DataView(bytes.buffer).setUint32(at, 0xffffffff, true);
    expect(() => names(bytes)).toThrow(/vector of 4294967295 elements/);
  });
});

describe("countAt", () => {
  it.each([0n, 1n, 2n ** 32n + 7n, BigInt(Number.MAX_SAFE_INTEGER)])("reads %s", (value) => {
    const view = new DataView(new ArrayBuffer(16));
    view.setBigInt64(8, value, true);
    expect(countAt(view, 8)).toBe(Number(value));
  });

  it.each([-1n, 2n ** 53n, -(2n ** 63n)])("refuses %s", (value) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigInt64(0, value, true);
    expect(() => countAt(view, 0)).toThrow(RangeError);
  });
});
