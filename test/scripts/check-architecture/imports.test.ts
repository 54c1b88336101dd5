import { describe, expect, it } from "vitest";
import { DOORS, ORDER } from "../../../scripts/check-architecture/policy.js";
import { found, inFile, violations } from "./trees.js";

describe("the order of folders", () => {
  it("allows imports from above and from beside", () => {
    const files = {
      "src/base/a.ts": "export const a = 1;\n",
      "src/data/b.ts": 'import { a } from "../base/a.js";\nexport const b = a;\n',
      "src/data/c.ts": 'import { b } from "./b.js";\nexport const c = b;\n',
      "src/cli.ts": 'import { c } from "./data/c.js";\nconsole.log(c);\n',
    };
    expect(found(files)).toEqual([]);
  });

  it.each([
    ["import", 'import { b } from "../data/b.js";'],
    ["import of a type", 'import type { B } from "../data/b.js";'],
    ["re-export", 'export * from "../data/b.js";'],
    ["import type node", 'export type X = import("../data/b.js").B;'],
    ["dynamic import", 'export const b = await import("../data/b.js");'],
    ["require", 'const b = require("../data/b.js");'],
  ])("refuses an upward %s", (_name, text) => {
    expect(found({ "src/base/a.ts": `\n${text}\n`, "src/data/b.ts": "export const b = 1;\n" })).toEqual([
      "src/base/a.ts:2 order",
    ]);
  });

  it("puts a file into its longest entry", () => {
    const native = 'import { e } from "../select.js";\n';
    const selecting = { "src/engine/select.ts": "export const e = 1;\n", "src/engine/native/step.ts": native };
    expect(found(selecting)).toEqual(["src/engine/native/step.ts:1 order"]);
    const seam = {
      "src/engine/engine.ts": "export const e = 1;\n",
      "src/engine/tfjs/x.ts": 'import { e } from "../engine.js";\n',
    };
    expect(found(seam)).toEqual([]);
  });

  it("keeps runtime above kernels", () => {
    const files = {
      "src/engine/native/cuda/ffi/driver.ts": 'import "../runtime/x.js";\n',
      "src/engine/native/cuda/runtime/x.ts": "",
    };
    expect(found(files)).toEqual(["src/engine/native/cuda/ffi/driver.ts:1 order"]);
  });

  it("wants a place for every file, and no import from outside", () => {
    expect(found({ "src/elsewhere/x.ts": "" })).toEqual(["src/elsewhere/x.ts:1 place"]);
    expect(found({ "src/data/x.ts": 'import "../../scripts/y.js";\n' })).toEqual(["src/data/x.ts:1 order"]);
  });

  it("names every entry once", () => {
    expect(new Set(ORDER).size).toBe(ORDER.length);
  });
});

describe("rings", () => {
  it("are reported once, with the whole way round", () => {
    const files = {
      "src/data/a.ts": 'import "./b.js";\n',
      "src/data/b.ts": 'import "./c.js";\n',
      "src/data/c.ts": '\nimport type { A } from "./a.js";\n',
      "src/data/d.ts": 'import "./a.js";\n',
    };
    const [ring, ...others] = violations(files);
    expect(others).toEqual([]);
    expect(ring).toMatchObject({ path: "src/data/c.ts", line: 2, rule: "ring" });
    expect(ring?.message).toContain("src/data/a.ts -> src/data/b.ts -> src/data/c.ts -> src/data/a.ts");
  });

  it("include a file that imports itself, and none where two ways meet", () => {
    expect(found({ "src/data/a.ts": 'import "./a.js";\n' })).toEqual(["src/data/a.ts:1 ring"]);
    const diamond = {
      "src/data/a.ts": 'import "./b.js";\nimport "./c.js";\n',
      "src/data/b.ts": 'import "./d.js";\n',
      "src/data/c.ts": 'import "./d.js";\n',
      "src/data/d.ts": "",
    };
    expect(found(diamond)).toEqual([]);
  });
});

describe("doors", () => {
  it.each([
    ["zod", "src/config/schema.ts", "src/data/x.ts"],
    ["yaml", "src/config/load.ts", "src/cli.ts"],
    ["apache-arrow", "src/data/shards/shard-reader.ts", "src/data/batch.ts"],
    ["@huggingface/tokenizers", "src/data/tokenizer/tokenizer.ts", "src/data/shards/shard-reader.ts"],
    ["hyparquet", "src/corpus/parquet.ts", "src/data/x.ts"],
    ["@tensorflow/tfjs-core", "src/engine/tfjs/decoder.ts", "src/engine/select.ts"],
    ["@tensorflow/tfjs-core/dist/ops", "src/engine/tfjs/decoder.ts", "src/model/x.ts"],
    ["koffi", "src/engine/native/cuda/ffi/driver.ts", "src/engine/native/cuda/runtime/stream.ts"],
    ["koffi", "src/engine/native/cpu/ffi.ts", "src/engine/native/cpu/kernels.ts"],
    ["pino", "src/base/report-log.ts", "src/base/errors.ts"],
    ["commander", "src/cli.ts", "src/commands/train.ts"],
    ["node:http", "src/watch/server.ts", "src/data/x.ts"],
  ])("%s goes through %s and not through %s", (dependency, door, elsewhere) => {
    const text = `import * as it from "${dependency}";\n`;
    expect(inFile(text, door)).toEqual([]);
    expect(inFile(text, elsewhere)).toEqual(["1 door"]);
  });

  it("are needed for every package, not for Node's own modules", () => {
    expect(inFile('import chalk from "chalk";\n')).toEqual(["1 door"]);
    expect(inFile('import "zodiac";\n', "src/config/x.ts")).toEqual(["1 door"]);
    expect(inFile('import { join } from "node:path";\n')).toEqual([]);
  });

  it("name each dependency once", () => {
    expect(new Set(DOORS.map((door) => door.dependency)).size).toBe(DOORS.length);
  });

  it.each([
    "console.log(process.env.HOME);",
    'console.log(process["env"]);',
    "process.exit(1);",
    "process.exitCode = 1;",
    "globalThis.process.exit();",
    "const { env } = process;",
    "const { env: mine } = process;",
    'import { env } from "node:process";',
    'import { exit as leave } from "process";',
  ])("keep `%s` in the outermost files", (text) => {
    const doorOnly = (path: string): string[] =>
      violations({ [path]: `${text}\n` })
        .filter((one) => one.message.includes("process."))
        .map((one) => one.rule);
    expect(doorOnly("src/commands/train.ts")).toEqual(["door"]);
    expect(doorOnly("src/cli.ts")).toEqual([]);
    expect(doorOnly("src/launch.ts")).toEqual([]);
  });

  it("leave the rest of `process` alone", () => {
    expect(inFile("console.log(process.pid, other.env, { exit: 1 }.exit);\n")).toEqual([]);
  });
});
