import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { treeOf } from "../../scripts/check-architecture/tree.js";
import { summaryOf } from "../../scripts/check-architecture.js";
import { lines } from "./check-architecture/trees.js";

describe("the command", () => {
  function run(files: Readonly<Record<string, string>>): { status: number; output: string } {
    const root = mkdtempSync(join(tmpdir(), "architecture-"));
    try {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      const output = execFileSync(process.execPath, ["--import", "tsx", "scripts/check-architecture.ts", root], {
        encoding: "utf8",
      });
      return { status: 0, output };
    } catch (error) {
      const failed = error as { status: number; stdout: string };
      return { status: failed.status, output: failed.stdout };
    } finally {
      rmSync(root, { recursive: true });
    }
  }

  it("prints one line and succeeds when nothing is wrong", () => {
    const good = { "src/base/a.ts": lines(2), "test/base/a.test.ts": lines(2) };
    expect(run(good)).toEqual({ status: 0, output: `${summaryOf(treeOf(new Map(Object.entries(good))))}\n` });
  });

  it("prints every violation as file:line rule: message and fails", () => {
    const { status, output } = run({
      "src/base/a.ts": 'let x: any;\nimport "../data/b.js";\n',
      "src/data/b.ts": "",
      "test/a.ts": lines(9),
    });
    expect(status).toBe(1);
    const printed = output.trimEnd().split("\n");
    expect(printed[0]).toBe("src/base/a.ts:1 types: any");
    expect(printed[1]).toMatch(/^src\/base\/a\.ts:2 order: base\/ imports src\/data\/b\.ts/);
    expect(printed).toHaveLength(3);
    expect(printed[2]).toContain("2 violations");
  });
});
