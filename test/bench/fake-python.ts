/** Programs that stand in for Python and for our own side. Each notes in a file that it ran, so that the order can be looked at. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchReport } from "../../src/bench/report.js";

export interface FakePrograms extends Disposable {
  /** An interpreter whose peer takes 20 ms in eager mode and 10 ms compiled, for a model of `parameters`. */
  readonly python: string;
  /** An interpreter that fails with these words. */
  failing(words: string): string;
  /** A command that prints the reports in turn. */
  own(reports: readonly BenchReport[]): readonly string[];
  /** A command that fails. */
  ownFailing(code: number, words: string): readonly string[];
  /** What ran, in order: `ours` and its last arguments, or the peer's. */
  ran(): string[];
}

export function fakePrograms(parameters: number): FakePrograms {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const log = join(folder, "log");
  let owns = 0;
  writeFileSync(log, "");
  const program = (name: string, body: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!${process.execPath}\nconst fs = require("node:fs");\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const note = (text: string): string => `fs.appendFileSync(${JSON.stringify(log)}, ${text} + "\\n");`;
  return {
    python: program(
      "python.cjs",
      `const args = process.argv.slice(3).join(" ");
       ${note("args")}
       console.log("a line of the library");
       const about = { peer: "pytorch 0.0", device: "cpu", threads: 3 };
       const ms_per_step = args.includes("--mode eager") ? 20 : 10;
       console.log(JSON.stringify({ ...about, params: ${parameters}, ms_per_step, peak_bytes: 300 * 2 ** 20 }));`,
    ),
    failing: (words) => program("failing.cjs", `console.error(${JSON.stringify(words)}); process.exit(1);`),
    own: (reports) => [
      process.execPath,
      program(
        `own-${++owns}.cjs`,
        `const reports = ${JSON.stringify(reports)};
         const before = fs.readFileSync(${JSON.stringify(log)}, "utf8").split("\\n").filter((line) => line.startsWith("ours")).length;
         ${note('["ours", ...process.argv.slice(2)].join(" ")')}
         console.log("noise\\n" + JSON.stringify(reports[before], null, 2));`,
      ),
    ],
    ownFailing: (code, words) => [
      process.execPath,
      program(`own-failing-${code}.cjs`, `console.error(${JSON.stringify(words)}); process.exit(${code});`),
    ],
    ran: () => readFileSync(log, "utf8").trim().split("\n"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
