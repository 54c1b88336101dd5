/** Rules about names and sizes: words that say nothing, long files, long functions, too few tests. */
import ts from "typescript";
import { BUDGETS, FORBIDDEN_FILES, FORBIDDEN_WORDS, matches, NARRATIVE } from "./policy.js";
import { lineAt, type SourceCode, type SourceText, type Tree, type Violation, walk } from "./tree.js";

export function nameViolations({ path }: SourceText): Violation[] {
  const found: Violation[] = [];
  for (const part of path.split("/")) {
    // `dateHelpers.ts` and `date-helpers.ts` are the same name.
    const words = part
      .replace(/([a-z])([A-Z])/g, "$1-$2")
      .toLowerCase()
      .split(/[^a-z]+/);
    const word = words.find((one) => FORBIDDEN_WORDS.has(one));
    if (word !== undefined)
      found.push({ path, line: 1, rule: "name", message: `"${part}" says nothing ("${word}"); name what is inside` });
    if (FORBIDDEN_FILES.has(part))
      found.push({ path, line: 1, rule: "name", message: `${part} is a barrel; import from the file itself` });
  }
  return found;
}

export function fileViolations({ path, lines }: SourceText): Violation[] {
  const limit = path.endsWith(".ts") ? BUDGETS.fileLines : BUDGETS.nativeFileLines;
  return lines > limit
    ? [{ path, line: limit + 1, rule: "file-size", message: `${lines} lines, at most ${limit}` }]
    : [];
}

/** Lines of a function from its first token to its last, with the functions inside it. */
export function functionViolations({ path, code }: SourceCode): Violation[] {
  const found: Violation[] = [];
  walk(code, (node) => {
    if (!isFunction(node) || node.body === undefined) return;
    const line = lineAt(code, node.getStart());
    const lines = lineAt(code, node.getEnd()) - line + 1;
    const name = nameOf(node);
    const limit = isNarrative(path, name) ? BUDGETS.narrativeLines : BUDGETS.functionLines;
    if (lines > limit)
      found.push({
        path,
        line,
        rule: "function-size",
        message: `${name ?? "this function"} has ${lines} lines, at most ${limit}`,
      });
  });
  return found;
}

/** Rules about the tree as a whole. */
export function wholeViolations(tree: Tree): Violation[] {
  const found: Violation[] = [];
  const median = medianLines(tree);
  if (median > BUDGETS.medianLines)
    found.push({
      path: "src",
      line: 1,
      rule: "median",
      message: `the median file has ${median} lines, at most ${BUDGETS.medianLines}`,
    });
  const share = testShare(tree);
  if (share < BUDGETS.testShare)
    found.push({
      path: "test",
      line: 1,
      rule: "tests",
      message: `${share.toFixed(2)} lines of tests per line of source, at least ${BUDGETS.testShare}`,
    });
  return found;
}

/** Lines of the middle source file; 0 for an empty tree. */
export function medianLines({ source }: Tree): number {
  const lines = source.map((file) => file.lines).sort((a, b) => a - b);
  return lines[Math.floor(lines.length / 2)] ?? 0;
}

/** Lines of TypeScript below `test/` per line below `src/`; infinite for an empty tree. */
export function testShare({ source, others }: Tree): number {
  const tests = others.filter((file) => file.path.startsWith("test/") && file.path.endsWith(".ts"));
  const total = (files: readonly SourceText[]): number => files.reduce((sum, file) => sum + file.lines, 0);
  return source.length === 0 ? Number.POSITIVE_INFINITY : total(tests) / total(source);
}

function isFunction(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isConstructorDeclaration(node) ||
    ts.isAccessor(node)
  );
}

/** The function's own name, or that of the variable or property that holds it. */
function nameOf(node: ts.FunctionLikeDeclaration): string | null {
  if (node.name !== undefined) return node.name.getText();
  if (ts.isConstructorDeclaration(node)) return "constructor";
  const parent = node.parent;
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)
    ? parent.name.getText()
    : null;
}

function isNarrative(path: string, name: string | null): boolean {
  const inside = path.slice("src/".length);
  return NARRATIVE.some(
    ({ file, functions }) =>
      matches(inside, file) && (functions === "all" || (name !== null && functions.includes(name))),
  );
}
