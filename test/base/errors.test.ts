import { describe, expect, it } from "vitest";
import { formatProblem, messageOf, systemCode, UserError } from "../../src/base/errors.js";

describe("UserError", () => {
  it("carries every problem and shows them all", () => {
    const error = new UserError([{ what: "first" }, { what: "second", where: "plan.yaml:3" }]);
    expect(error.problems).toHaveLength(2);
    expect(error.message).toBe("first\nplan.yaml:3: second");
    expect(error.name).toBe("UserError");
    expect(error).toBeInstanceOf(Error);
  });

  it("takes one problem as a list of one, and keeps the cause", () => {
    const cause = new Error("underneath");
    const error = new UserError({ what: "only" }, { cause });
    expect(error.problems).toEqual([{ what: "only" }]);
    expect(error.cause).toBe(cause);
  });
});

describe("formatProblem", () => {
  it("shows only what is known", () => {
    expect(formatProblem({ what: "no such key", where: "plan.yaml:7" })).toBe("plan.yaml:7: no such key");
  });

  it("shows place, expectation, finding and hint in this order", () => {
    const text = formatProblem({
      hint: "try 4",
      got: "3",
      expected: "an even number",
      where: "model.headWidth",
      what: "odd",
    });
    expect(text.split("\n")).toEqual([
      "model.headWidth: odd",
      "  expected: an even number",
      "  got: 3",
      "  hint: try 4",
    ]);
  });
});

describe("what was thrown", () => {
  it("has a message, whatever it is", () => {
    expect(messageOf(new TypeError("broken"))).toBe("broken");
    expect(messageOf("text")).toBe("text");
    expect(messageOf(null)).toBe("null");
  });

  it("has a system code only when the system gave one", () => {
    expect(systemCode(Object.assign(new Error("gone"), { code: "ENOENT" }))).toBe("ENOENT");
    expect(systemCode(Object.assign(new Error("odd"), { code: 7 }))).toBeNull();
    expect(systemCode(new Error("plain"))).toBeNull();
    expect(systemCode({ code: "ENOENT" })).toBeNull();
  });
});
