import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { domainLedger, type Ledger, parseLedger } from "../../src/data/ledger.js";

const ledger: Ledger = {
  domains: {
    text: {
      fingerprint: "f00d",
      seed: 1,
      tokens: 900,
      epochs: 1.8,
      cursor: {
        epoch: 1,
        documents: "whole",
        segments: [
          { windowTokens: 16, windows: 20 },
          { windowTokens: 80, windows: 1 },
        ],
      },
    },
    code: { fingerprint: "beef", seed: 2, tokens: 0, epochs: 0, cursor: { epoch: 0, documents: "cut", segments: [] } },
  },
  stages: [{ name: "mix", steps: 3, tokens: { text: 900, code: 0 } }],
};

/** The ledger as JSON, with the value at a path of keys replaced; undefined removes it. */
function damagedAt(path: readonly (string | number)[], value: unknown): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(ledger));
  let at = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  const last = path[path.length - 1];
  at[last] = value;
  return JSON.parse(JSON.stringify(copy));
}

describe("a ledger", () => {
  it("survives JSON", () => {
    expect(parseLedger(JSON.parse(JSON.stringify(ledger)))).toEqual(ledger);
    expect(parseLedger({ domains: {}, stages: [] })).toEqual({ domains: {}, stages: [] });
  });

  it("takes a cursor that does not say how its epoch was read for one of cut windows, which all were once", () => {
    const parsed = parseLedger(damagedAt(["domains", "text", "cursor", "documents"], undefined));
    expect(parsed.domains["text"].cursor).toEqual({ ...ledger.domains["text"].cursor, documents: "cut" });
  });

  it("leaves out what it does not know", () => {
    expect(parseLedger({ ...ledger, version: 3 })).toEqual(ledger);
    expect(parseLedger(damagedAt(["domains", "text", "note"], "x"))).toEqual(ledger);
  });

  const damages: [string, readonly (string | number)[], unknown][] = [
    ["ledger.domains", ["domains"], []],
    ["ledger.stages", ["stages"], {}],
    ["ledger.domains.text", ["domains", "text"], null],
    ["ledger.domains.text.fingerprint", ["domains", "text", "fingerprint"], ""],
    ["ledger.domains.text.seed", ["domains", "text", "seed"], undefined],
    ["ledger.domains.text.tokens", ["domains", "text", "tokens"], -1],
    ["ledger.domains.text.tokens", ["domains", "text", "tokens"], 2 ** 53],
    ["ledger.domains.text.tokens", ["domains", "text", "tokens"], 1.5],
    ["ledger.domains.text.epochs", ["domains", "text", "epochs"], "1.8"],
    ["ledger.domains.text.epochs", ["domains", "text", "epochs"], Number.NaN],
    ["ledger.domains.text.cursor", ["domains", "text", "cursor"], undefined],
    ["ledger.domains.text.cursor.epoch", ["domains", "text", "cursor", "epoch"], -1],
    ["ledger.domains.text.cursor.documents", ["domains", "text", "cursor", "documents"], "torn"],
    ["ledger.domains.text.cursor.segments", ["domains", "text", "cursor", "segments"], null],
    ["ledger.domains.text.cursor.segments[1]", ["domains", "text", "cursor", "segments", 1], 5],
    [
      "ledger.domains.text.cursor.segments[0].windowTokens",
      ["domains", "text", "cursor", "segments", 0, "windowTokens"],
      0,
    ],
    ["ledger.domains.text.cursor.segments[1].windows", ["domains", "text", "cursor", "segments", 1, "windows"], 0],
    ["ledger.stages[0].name", ["stages", 0, "name"], 7],
    ["ledger.stages[0].steps", ["stages", 0, "steps"], null],
    ["ledger.stages[0].tokens.code", ["stages", 0, "tokens", "code"], "0"],
  ];

  it.each(damages)("says that %s is damaged", (where, path, value) => {
    const parse = () => parseLedger(damagedAt(path, value));
    expect(parse).toThrow(UserError);
    expect(parse).toThrow(`${where}: the ledger is damaged`);
  });

  it.each([null, undefined, 5, "ledger", [], true])("is not %j", (value) => {
    expect(() => parseLedger(value)).toThrow("ledger: the ledger is damaged\n  expected: an object");
  });

  it("takes any name for a domain's, and finds no domain that it does not have", () => {
    const names = ["__proto__", "constructor", "a.b"];
    const entries = names.map(
      (name, seed) => `${JSON.stringify(name)}: ${JSON.stringify({ ...ledger.domains["code"], seed })}`,
    );
    const parsed = parseLedger(JSON.parse(`{"domains": {${entries.join(",")}}, "stages": []}`));
    expect(names.map((name) => domainLedger(parsed, name)?.seed)).toEqual([0, 1, 2]);
    for (const name of ["toString", "text", ""]) expect(domainLedger(parsed, name)).toBeNull();
  });
});
