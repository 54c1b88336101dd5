/**
 * Checks the rules of docs/architecture.md that a compiler does not know: the order of folders, doors, names, budgets, bans.
 *   npx tsx scripts/check-architecture.ts [project folder]
 * Prints each violation as `file:line rule: message` and ends with 1 when there is one. The rules are in check-architecture/policy.ts.
 */
import { pathToFileURL } from "node:url";
import { processViolations, typeViolations } from "./check-architecture/bans.js";
import {
  fileViolations,
  functionViolations,
  medianLines,
  nameViolations,
  testShare,
  wholeViolations,
} from "./check-architecture/budgets.js";
import { commentViolations } from "./check-architecture/comments.js";
import { importViolations } from "./check-architecture/imports.js";
import { readTree, type Tree, type Violation } from "./check-architecture/tree.js";

/** Every violation of a tree, sorted by place. */
export function checkTree(tree: Tree): Violation[] {
  const { source, others } = tree;
  const files = [...source, ...others];
  const found = [
    ...files.flatMap(nameViolations),
    ...files.flatMap(fileViolations),
    ...source.flatMap(functionViolations),
    ...source.flatMap(typeViolations),
    ...source.flatMap(processViolations),
    ...source.flatMap(commentViolations),
    ...importViolations(source),
    ...wholeViolations(tree),
  ];
  return found.sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
}

/** One line that says what was checked. */
export function summaryOf(tree: Tree): string {
  const lines = tree.source.reduce((sum, file) => sum + file.lines, 0);
  return `architecture: ${tree.source.length} files, ${lines} lines, median ${medianLines(tree)}, ${testShare(tree).toFixed(2)} lines of tests per line`;
}

function main(root: string): void {
  const tree = readTree(root);
  const violations = checkTree(tree);
  for (const { path, line, rule, message } of violations) console.log(`${path}:${line} ${rule}: ${message}`);
  console.log(`${summaryOf(tree)}${violations.length > 0 ? `; ${violations.length} violations` : ""}`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main(process.argv[2] ?? ".");
