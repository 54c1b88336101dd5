import { describe, expect, it } from "vitest";
import { treeOf } from "../../../scripts/check-architecture/tree.js";
import { checkTree } from "../../../scripts/check-architecture.js";
import { found, inFile, lines, violations } from "./trees.js";

const functionOf = (count: number, name = "f"): string => `export function ${name}() {\n${lines(count - 2)}}\n`;

describe("names", () => {
  it.each([
    "src/base/utils.ts",
    "src/base/date-helpers.ts",
    "src/base/dateHelpers.ts",
    "src/data/common/x.ts",
    "src/data/misc.ts",
    "src/engine/native/cuda/MemoryManager.ts",
    "src/data/index.ts",
    "test/data/helper.ts",
    "scripts/misc/x.ts",
  ])("refuses %s", (path) => {
    expect(found({ [path]: "" })).toEqual([`${path}:1 name`]);
  });

  it("looks at whole words", () => {
    expect(found({ "src/data/commonmark.ts": "", "src/data/word-index.ts": "", "src/data/utility.ts": "" })).toEqual(
      [],
    );
  });
});

describe("sizes", () => {
  it("limit files to 300 lines, in src, scripts and test", () => {
    for (const path of ["src/data/x.ts", "test/data/x.test.ts", "scripts/x.ts"]) {
      const rules = (count: number): string[] =>
        violations({ [path]: lines(count), "src/data/y.ts": "" })
          .filter((one) => one.rule !== "median")
          .map((one) => one.rule);
      expect(rules(300)).toEqual([]);
      expect(rules(301)).toEqual(["file-size"]);
    }
  });

  it("limit native code to 400 lines", () => {
    for (const path of ["src/engine/native/cpu/matmul.c", "src/engine/native/cuda/kernels/norm.cu"]) {
      expect(found({ [path]: lines(400) })).toEqual([]);
      expect(found({ [path]: lines(401) })).toEqual([`${path}:401 file-size`]);
    }
  });

  it("limit the median of src to 120 lines", () => {
    const three = (middle: number) => ({
      "src/data/a.ts": lines(1),
      "src/data/b.ts": lines(middle),
      "src/data/c.ts": lines(200),
    });
    expect(found(three(120))).toEqual([]);
    expect(found(three(121))).toEqual(["src:1 median"]);
  });

  it.each([
    ["function", (body: string) => `function f() {\n${body}}\n`],
    ["arrow function", (body: string) => `const f = () => {\n${body}};\n`],
    ["function expression", (body: string) => `const f = function () {\n${body}};\n`],
  ])("limit a %s to 40 lines", (_name, wrap) => {
    expect(inFile(wrap(lines(38)))).toEqual([]);
    expect(inFile(`\n${wrap(lines(39))}`)).toEqual(["2 function-size"]);
  });

  it.each(["m()", "constructor()", "get g()", "static async *s()"])(
    "limit the method %s to 40 lines, without its documentation",
    (head) => {
      const documentation = `/**\n${" * text\n".repeat(20)} */\n`;
      const method = (body: string): string => `class A {\n${documentation}${head} {\n${body}}\n}\n`;
      expect(inFile(method(lines(38)))).toEqual([]);
      expect(inFile(method(lines(39)))).toEqual(["24 function-size"]);
    },
  );

  it("allow 120 lines to the functions that are read like a page", () => {
    expect(inFile(functionOf(120, "train"), "src/train.ts").filter((one) => !one.includes("median"))).toEqual([]);
    expect(inFile(functionOf(41, "other"), "src/train.ts")).toEqual(["1 function-size"]);
    expect(inFile(functionOf(41, "plan"), "src/commands/plan.ts")).toEqual([]);
    expect(inFile(functionOf(121, "plan"), "src/commands/plan.ts")).toContain("1 function-size");
  });

  it("do not count functions of tests", () => {
    expect(found({ "test/data/x.test.ts": functionOf(200) })).toEqual([]);
  });

  it("ask for 0.8 lines of tests per line of source", () => {
    const rules = (count: number): string[] =>
      checkTree(
        treeOf(
          new Map([
            ["src/data/x.ts", lines(100)],
            ["test/data/x.test.ts", lines(count)],
          ]),
        ),
      ).map((one) => one.rule);
    expect(rules(80)).toEqual([]);
    expect(rules(79)).toEqual(["tests"]);
  });
});
