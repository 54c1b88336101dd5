import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Account,
  accountFor,
  accountFromJson,
  accountToJson,
  emptyAccount,
  operationsByHost,
  sumAccounts,
} from "../../../src/corpus/forge/account.js";
import type { ForgeDocument } from "../../../src/corpus/forge-document.js";
import { documentOf } from "../run-step.js";

const documents = fc.array(
  fc.record({
    text: fc.string({ minLength: 1 }),
    source: fc.constantFrom("a", "b", "__proto__x"),
    domain: fc.constantFrom("agent", "text"),
    licence: fc.constantFrom("MIT", null),
    operation: fc.constantFrom("host get", "host put", "other get", null),
    tokens: fc.nat(100),
  }),
  { maxLength: 30 },
);

type Drawn = typeof documents extends fc.Arbitrary<readonly (infer One)[]> ? One : never;

function accountOf(drawn: readonly Drawn[]): Account {
  const account = emptyAccount();
  for (const { tokens, ...known } of drawn)
    accountFor(account, documentOf(known.text, known as Partial<ForgeDocument>), tokens);
  return account;
}

describe("an account", () => {
  it("is the same however the documents are parted", () => {
    fc.assert(
      fc.property(documents, fc.nat(30), (all, cut) => {
        const parts = [accountOf(all.slice(0, cut)), accountOf(all.slice(cut))];
        const through = parts.map((part) => accountFromJson(JSON.parse(JSON.stringify(accountToJson(part)))));
        expect(JSON.stringify(accountToJson(sumAccounts(through)))).toBe(JSON.stringify(accountToJson(accountOf(all))));
      }),
    );
  });

  it("counts every document once in each breakdown that knows something of it", () => {
    fc.assert(
      fc.property(documents, (all) => {
        const { total, by, lengths, operations } = accountOf(all);
        const sum = (group: object): number => Object.values(group).reduce((n, { documents: each }) => n + each, 0);
        expect(total.documents).toBe(all.length);
        expect(total.tokens).toBe(all.reduce((n, { tokens }) => n + tokens, 0));
        expect(sum(by.source)).toBe(all.length);
        expect(sum(by.licence)).toBe(all.filter(({ licence }) => licence !== null).length);
        expect(
          Object.values(lengths)
            .flat()
            .reduce((a, b) => a + b, 0),
        ).toBe(all.length);
        expect(operations).toEqual(new Set(all.flatMap(({ operation }) => operation ?? [])));
      }),
    );
  });

  it("groups lengths by the power of two below them", () => {
    const account = emptyAccount();
    for (const length of [1, 2, 3, 4, 7, 8]) accountFor(account, documentOf("x".repeat(length)), 0);
    expect(account.lengths).toEqual({ text: [1, 2, 2, 1] });
  });

  it("lists hosts by their distinct operations", () => {
    expect(operationsByHost(["b GET /x y", "a one", "a two", "c one"])).toEqual([
      ["a", 2],
      ["b", 1],
      ["c", 1],
    ]);
  });
});
