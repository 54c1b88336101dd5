import { describe, expect, it } from "vitest";
import { BatchBuilder } from "../../../src/data/shards/shard-batch.js";
import { HEADER } from "./shard-samples.js";

describe("BatchBuilder", () => {
  it("gathers documents until they no longer fit", () => {
    const batch = new BatchBuilder(HEADER, 10);
    expect(batch.take()).toBeNull();
    expect(batch.fits(11), "an empty batch takes any document").toBe(true);
    batch.append([1, 2, 3, 4], {});
    expect([batch.fits(6), batch.fits(7)]).toEqual([true, false]);
    batch.append([5, 6], {});
    expect(batch.take()).toEqual({
      ids: Uint16Array.of(1, 2, 3, 4, 5, 6),
      offsets: Int32Array.of(0, 4, 6),
      mask: null,
      sources: null,
    });
    expect(batch.take()).toBeNull();
  });

  it.each([HEADER, { ...HEADER, vocabulary: 100_000 }])(
    "grows for a document longer than a batch and keeps what it had",
    (header) => {
      const batch = new BatchBuilder({ ...header, lossMask: true }, 2);
      batch.append([7], { lossMask: Uint8Array.of(1) });
      batch.append([1, 2, 3], { lossMask: Uint8Array.of(0, 1, 1) });
      const content = batch.take();
      expect(Array.from(content?.ids ?? [])).toEqual([7, 1, 2, 3]);
      expect(content?.mask).toEqual(Uint8Array.of(1, 0, 1, 1));
    },
  );

  it("numbers sources in the order in which they come, across batches", () => {
    const batch = new BatchBuilder({ ...HEADER, source: true }, 10);
    for (const source of ["b", "a", "b"]) batch.append([1], { source });
    expect(batch.take()?.sources).toEqual(Int32Array.of(0, 1, 0));
    for (const source of ["c", "a"]) batch.append([1], { source });
    expect(batch.take()?.sources).toEqual(Int32Array.of(2, 1));
    expect([...batch.sources]).toEqual(["b", "a", "c"]);
  });

  it.each([0, -1, 1.5, 2 ** 31, Number.NaN])("refuses batches of %d tokens", (tokens) => {
    expect(() => new BatchBuilder(HEADER, tokens)).toThrow(RangeError);
  });
});
