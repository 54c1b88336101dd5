import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import {
  type Observation,
  readObservations,
  shareOf,
  usable,
  writeObservations,
} from "../../src/mixlaw/observation.js";
import * as samples from "../../src/mixlaw/samples.js";

function observation(changes: Partial<Observation> = {}): Observation {
  return {
    run: "a",
    seed: 0,
    parameters: 1_000_000,
    tokens: 5e6,
    shares: { agent: 0.36, text: 0.32, code: 0.32 },
    domain: "agent",
    loss: 2.5,
    rate: 3e-4,
    areas: { before: { s1: 4, s2: 0.1, rate: 4e-4 }, s1: 0.3, s2: 0.02 },
    epoch: 0.4,
    baseLoss: 3,
    ...changes,
  };
}

function problemsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError)
      return error.problems.map(({ what, where }) => (where ? `${where}: ${what}` : what));
    throw error;
  }
  return [];
}

describe("a table of observations", () => {
  it("comes back as it was written, a loss that is not finite as null", () => {
    const table = [observation(), observation({ run: "b", areas: { before: null, s1: 0, s2: 0 } })];
    expect(readObservations(writeObservations(table), "table")).toEqual(table);
    const [broken] = readObservations(writeObservations([observation({ loss: Number.NaN })]), "table");
    expect(broken.loss).toBeNull();
  });

  it("is refused with the problems of all its lines", () => {
    const lines = [
      "{",
      "[]",
      JSON.stringify({ ...observation(), loss: "2.5", parameters: 0.5 }),
      JSON.stringify({ ...observation(), shares: { agent: 0.3 }, baseLoss: 0 }),
      JSON.stringify({ ...observation(), run: "", areas: { s1: 1 }, tokens: -1 }),
    ];
    expect(problemsOf(() => readObservations(lines.join("\n"), "table"))).toEqual([
      "table:1: this line is not JSON",
      "table:2: this line is not a JSON object",
      "table:3: parameters must be a positive whole number",
      "table:3: loss must be a number",
      "table:4: shares do not sum to 1",
      "table:4: baseLoss is out of range",
      "table:5: run must be text",
      "table:5: tokens is out of range",
      "table:5: areas.s2 is missing",
    ]);
    expect(problemsOf(() => readObservations("\n", "table"))).toEqual([
      "table: there are no observations in this file",
    ]);
  });
});

describe("usable", () => {
  const table = [
    observation(),
    observation({ run: "b", loss: null }),
    observation({ run: "c", loss: 9.5, tokens: 1e6 }),
    observation({ run: "c", loss: 9.9 }),
  ];

  it("names each run that failed, once", () => {
    expect(problemsOf(() => usable(table))).toEqual([
      "run b has a loss that is not a positive number on agent at 5000000 tokens",
      "run c diverged: its loss is 9.500, the base's 3.000 on agent at 1000000 tokens",
    ]);
  });

  it("leaves out the runs that are named, and no run that is not there", () => {
    expect(usable(table, ["b", "c"])).toEqual([table[0]]);
    expect(problemsOf(() => usable(table, ["b", "c", "d"]))).toEqual(["there is no run d to leave out"]);
  });
});

describe("samples", () => {
  const table = [
    observation({ tokens: 0 }),
    observation({ tokens: 1e6, loss: 2.8 }),
    observation(),
    observation({ domain: "text", loss: 3.2, baseLoss: 3.1 }),
    observation({ run: "b", shares: { agent: 0, text: 0.5, code: 0.5 }, loss: 2.9 }),
  ];

  it("take from the table what each law is of, without the start", () => {
    expect(samples.dCptSamples(table, "agent").map(({ inputs }) => inputs)).toEqual([
      [1e6, 1e6, 0.36],
      [1e6, 5e6, 0.36],
      [1e6, 5e6, 0],
    ]);
    expect(samples.dCptOfOneSizeSamples(table, "text", ["text", "code"])).toEqual([
      { run: "a", inputs: [5e6, 0.64], observed: 3.2 },
    ]);
    expect(samples.biMixSamples(table, "agent").map(({ inputs }) => inputs)).toEqual([
      [0.36, 1e6],
      [0.36, 5e6],
    ]);
    expect(samples.dynamicsSamples(table, "text", "agent")[0].inputs).toEqual([4, 0.1, 0.3, 0.02, 0.36]);
  });

  it("take the end of each run where the law has no tokens", () => {
    const ends = samples.dataMixingSamples(table, "agent", [["agent"], ["code"], ["text"]]);
    expect(ends).toEqual([
      { run: "a", inputs: [0.36, 0.32], observed: 2.5 },
      { run: "b", inputs: [0, 0.5], observed: 2.9 },
    ]);
    expect(samples.sharePowerSamples(table, "agent", "agent").map(({ inputs }) => inputs)).toEqual([[0.36], [0]]);
  });

  it("count a general rise from the base", () => {
    const [rise] = samples.generalRises(table, "text", "agent");
    expect(rise).toEqual({ run: "a", tokens: 5e6, share: 0.36, rise: expect.closeTo(0.1, 12) });
  });

  it("are refused of a set that was never evaluated", () => {
    expect(problemsOf(() => samples.dCptSamples(table, "poems"))).toEqual([
      "no run was evaluated on poems after its start",
    ]);
    expect(shareOf(table[0], ["agent", "poems"])).toBe(0.36);
  });
});
