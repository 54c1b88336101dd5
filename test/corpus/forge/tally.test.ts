import { describe, expect, it } from "vitest";
import {
  emptyTally,
  sumTallies,
  tallyDropped,
  tallyKept,
  tallyRejected,
  total,
} from "../../../src/corpus/forge/tally.js";
import { documentOf } from "../run-step.js";

const rejection = (why: string) => ({ where: "file:1", why, record: "" });

describe("a tally", () => {
  it("counts documents and UTF-8 bytes by source and reason", () => {
    const tally = emptyTally();
    tallyKept(tally, documentOf("é", { source: "a" }));
    tallyKept(tally, documentOf("bb", { source: "b" }));
    tallyDropped(tally, documentOf("ccc", { source: "a" }), "short");
    expect(tally.kept).toEqual({ a: { documents: 1, bytes: 2 }, b: { documents: 1, bytes: 2 } });
    expect(tally.dropped).toEqual({ a: { documents: 1, bytes: 3 } });
    expect(tally.reasons).toEqual({ short: { documents: 1, bytes: 3 } });
    expect(total(tally.kept)).toEqual({ documents: 2, bytes: 4 });
  });

  it("adds up over partitions, with the first examples", () => {
    const parts = [1, 2, 3].map((part) => {
      const tally = emptyTally();
      for (let i = 0; i < part; i++) tallyRejected(tally, rejection(`reason ${part}`));
      tallyDropped(tally, documentOf("x"), "short");
      tally.counts["pages"] = part;
      return tally;
    });
    const sum = sumTallies(parts);
    expect(sum.rejected).toEqual({ "reason 1": 1, "reason 2": 2, "reason 3": 3 });
    expect(sum.examples.map(({ why }) => why)).toEqual(["1", "2", "2", "3", "3", "3"].map((part) => `reason ${part}`));
    expect(sum.counts).toEqual({ pages: 6 });
    expect(sum.reasons["short"]).toEqual({ documents: 3, bytes: 3 });
  });

  it("counts together what has more reasons than anyone reads, losing none", () => {
    const tally = emptyTally();
    for (let i = 0; i < 1000; i++) tallyRejected(tally, rejection(`the line says ${i}`));
    expect(Object.keys(tally.rejected).length).toBe(201);
    expect(Object.values(tally.rejected).reduce((a, b) => a + b)).toBe(1000);
    expect(Object.values(sumTallies([tally, tally]).rejected).reduce((a, b) => a + b)).toBe(2000);
    expect(tally.examples).toHaveLength(8);
  });
});
