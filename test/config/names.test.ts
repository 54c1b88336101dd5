import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearest } from "../../src/config/nearest.js";
import { parsePath, pathText } from "../../src/config/plan-path.js";

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["", "abc", 3],
    ["warmup", "warmup", 0],
    ["warmpu", "warmup", 1],
    ["warmup", "wrmup", 1],
    ["widht", "width", 1],
    ["kitten", "sitting", 3],
    ["ca", "abc", 3],
  ])("of %j and %j is %d", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it("is symmetric, zero only for equals, and at most the longer length", () => {
    const name = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(name, name, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});

describe("nearest", () => {
  const known = ["warmup", "weightDecay", "peak", "min", "x"];

  it.each([
    ["warmpu", "warmup"],
    ["weight_decay", "weightDecay"],
    ["weight-dekay", "weightDecay"],
    ["Peak", "peak"],
    ["mim", "min"],
  ])("takes %s for %s", (name, meant) => {
    expect(nearest(name, known)).toBe(meant);
  });

  it.each([["y"], ["max_steps"], ["decay"], [""], ["w".repeat(100)]])("finds nothing near %j", (name) => {
    expect(nearest(name, known)).toBeNull();
  });

  it("compares no long list, since the work grows with both", () => {
    const many = Array.from({ length: 101 }, (_, i) => `name${i}`);
    expect(nearest("nam3", many.slice(0, 100))).toBe("name3");
    expect(nearest("nam3", many)).toBeNull();
  });
});

describe("plan paths", () => {
  it.each([
    ["run", ["run"]],
    ["stages[1].mixture.agent", ["stages", 1, "mixture", "agent"]],
    ["data.domains.my-text.documents[0]", ["data", "domains", "my-text", "documents", 0]],
  ])("reads and writes %s", (text, path) => {
    expect(parsePath(text)).toEqual(path);
    expect(pathText(path)).toBe(text);
  });

  it.each([[""], ["."], ["a."], [".a"], ["a..b"], ["a[b]"], ["a[-1]"], ["[0]"], ["a[0"], ["a b"], ["a[9999999999]"]])(
    "refuses %j",
    (text) => {
      expect(parsePath(text)).toBeNull();
    },
  );

  it("writes the whole plan as nothing", () => {
    expect(pathText([])).toBe("");
  });
});
