import { describe, expect, it } from "vitest";
import { showTexts } from "../../src/commands/generate-show.js";
import { captured } from "../end-to-end/project.js";

describe("showTexts", () => {
  it("shows one text as it comes", () => {
    const out = captured();
    const show = showTexts(["a: "], (text) => out.write(text));
    show(0, "b", false);
    expect(out.text).toBe("a: b");
    show(0, "c", true);
    expect(out.text).toBe("a: bc\n");
  });

  it("shows several one after the other, the first that is not done as it comes", () => {
    const out = captured();
    const show = showTexts(["a ", "b ", "c "], (text) => out.write(text));
    show(0, "1", false);
    show(1, "2", true);
    show(2, "3", false);
    expect(out.text).toBe("[1/3] a 1");
    show(0, "4", true);
    expect(out.text).toBe("[1/3] a 14\n\n[2/3] b 2\n\n[3/3] c 3");
    show(2, "", true);
    expect(out.text).toBe("[1/3] a 14\n\n[2/3] b 2\n\n[3/3] c 3\n");
  });
});
