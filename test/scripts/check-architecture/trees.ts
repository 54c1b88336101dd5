/** Small trees in memory and what the checker says about them. */
import { treeOf, type Violation } from "../../../scripts/check-architecture/tree.js";
import { checkTree } from "../../../scripts/check-architecture.js";

/** Violations of a tree as `path:line rule`, without the rule about the number of tests. */
export function found(files: Readonly<Record<string, string>>): string[] {
  return violations(files).map(({ path, line, rule }) => `${path}:${line} ${rule}`);
}

export function violations(files: Readonly<Record<string, string>>): Violation[] {
  return checkTree(treeOf(new Map(Object.entries(files)))).filter((violation) => violation.rule !== "tests");
}

/** Violations of one source file with this text. */
export function inFile(text: string, path = "src/data/x.ts"): string[] {
  return violations({ [path]: text }).map(({ line, rule }) => `${line} ${rule}`);
}

export const lines = (count: number): string => "const a = 1;\n".repeat(count);
