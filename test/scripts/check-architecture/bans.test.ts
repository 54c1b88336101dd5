import { describe, expect, it } from "vitest";
import { inFile, violations } from "./trees.js";

describe("holes in the types", () => {
  it.each([
    "let x: any;",
    "const x = y as any;",
    "const x = y as unknown as string;",
    "const x = (y as unknown) as string;",
    "const x = <string>(<unknown>y);",
    "const x = y!;",
    "const x = y!.z;",
    "let x!: string;",
    "class A { x!: string }",
    "// @ts-expect-error wrong types upstream",
    "// @ts-ignore",
  ])("refuses `%s`", (text) => {
    expect(inFile(`\n${text}\nexport {};\n`)).toEqual(["2 types"]);
  });

  it.each([
    "const x = y as unknown;",
    "const x = y as string;",
    "const x = !y;",
    'const any = "any";',
    "const x = y !== z;",
  ])("allows `%s`", (text) => {
    expect(inFile(`${text}\n`)).toEqual([]);
  });

  it("allows raw bindings to bend types", () => {
    expect(inFile("const x = y as unknown as any;\n", "src/engine/native/cuda/ffi/driver.ts")).toEqual([]);
  });
});

describe("comments", () => {
  it.each([
    ["a call", "// run(1);"],
    ["a declaration", "// const x = y + 1;"],
    ["a block", "// if (x) {\n//   y();\n// }"],
    ["an import", '// import { x } from "./y.js";'],
    ["a block comment", "/*\nconst x = 1;\nreturn x;\n*/"],
    ["code behind code", "const x = 1; // run(x);"],
    ["code inside a function", "function f() {\n  // return f();\n}"],
  ])("refuses %s that was commented out", (_name, text) => {
    const [first, ...others] = violations({ "src/data/x.ts": `${text}\n` });
    expect(others).toEqual([]);
    expect(first?.rule).toBe("commented-code");
  });

  it.each([
    "// The order is fixed; see above.",
    "// return early",
    "// rate = peak * x",
    "// w = [wT, wT + T)",
    "// one",
    "// let the caller decide",
    "// a, b and c: three of them",
    'const url = "http://x; const y = 1;";',
    "const text = `// run(1);`;",
    "const pattern = /[/]{2} run\\(1\\);/;",
    "/** `run(1);` */\nconst documented = 1;",
    "/**\n * run(1);\n */\nconst example = 1;",
  ])("allows %j", (text) => {
    expect(inFile(`${text}\n`)).toEqual([]);
  });

  it("refuses a TODO without a reason", () => {
    expect(inFile("// TODO: faster\n")).toEqual(["1 todo"]);
    expect(inFile("/** FIXME this */\nconst a = 1;\n")).toEqual(["1 todo"]);
    expect(inFile("// TODO(): faster\n")).toEqual(["1 todo"]);
    expect(inFile("// TODO(waits for Node 22): use the built-in\n")).toEqual([]);
    expect(inFile('const todo = "TODO";\n')).toEqual([]);
  });
});
