/** Rules about imports: the order of folders, rings of files, doors of dependencies. Type imports count like all others. */
import { posix } from "node:path";
import ts from "typescript";
import { DOORS, matches, ORDER } from "./policy.js";
import { lineAt, type SourceCode, type Violation, walk } from "./tree.js";

interface Import {
  readonly from: SourceCode;
  readonly line: number;
  /** As written. */
  readonly specifier: string;
  /** Path of the imported source file, or null for a package. */
  readonly target: string | null;
}

export function importViolations(source: readonly SourceCode[]): Violation[] {
  const imports = source.flatMap(importsOf);
  return [
    ...source.flatMap(placeViolations),
    ...imports.flatMap(orderViolations),
    ...imports.flatMap(doorViolations),
    ...rings(imports),
  ];
}

function importsOf(from: SourceCode): Import[] {
  const found: Import[] = [];
  walk(from.code, (node) => {
    const written = specifierOf(node);
    if (written === null) return;
    const target = written.text.startsWith(".") ? sourcePath(posix.join(posix.dirname(from.path), written.text)) : null;
    found.push({ from, line: lineAt(from.code, written.getStart()), specifier: written.text, target });
  });
  return found;
}

/** The module named by an import or export declaration, `import()`, `require()` or an import type. */
function specifierOf(node: ts.Node): ts.StringLiteralLike | null {
  const named = (part: ts.Node | undefined): ts.StringLiteralLike | null =>
    part !== undefined && ts.isStringLiteralLike(part) ? part : null;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return named(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return named(node.argument.literal);
  if (ts.isExternalModuleReference(node)) return named(node.expression);
  if (!ts.isCallExpression(node)) return null;
  const callee = node.expression;
  const loads = callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === "require");
  return loads ? named(node.arguments[0]) : null;
}

function sourcePath(joined: string): string {
  return joined.replace(/\.js$/, ".ts");
}

/** The entry of the order that a source file belongs to, or null. */
function placeOf(path: string): number | null {
  const inside = path.slice("src/".length);
  const fitting = ORDER.filter((entry) => matches(inside, entry)).sort((a, b) => b.length - a.length);
  return fitting[0] === undefined ? null : ORDER.indexOf(fitting[0]);
}

function placeViolations({ path }: SourceCode): Violation[] {
  if (placeOf(path) !== null) return [];
  return [
    {
      path,
      line: 1,
      rule: "place",
      message: "is not in the order of folders; give it a place in scripts/check-architecture/policy.ts",
    },
  ];
}

function orderViolations({ from, line, target }: Import): Violation[] {
  if (target === null) return [];
  if (!target.startsWith("src/"))
    return [{ path: from.path, line, rule: "order", message: `imports ${target}, which is outside src/` }];
  const own = placeOf(from.path);
  const theirs = placeOf(target);
  if (own === null || theirs === null || theirs <= own) return [];
  return [
    {
      path: from.path,
      line,
      rule: "order",
      message: `${ORDER[own]} imports ${target}, but ${ORDER[theirs]} comes later`,
    },
  ];
}

function doorViolations({ from, line, specifier, target }: Import): Violation[] {
  if (target !== null) return [];
  const inside = from.path.slice("src/".length);
  const name = specifier.startsWith("node:") || specifier.startsWith("@") ? specifier : `${specifier.split("/")[0]}`;
  const door = DOORS.find(({ dependency }) =>
    dependency.endsWith("/") ? name.startsWith(dependency) : name === dependency || name.startsWith(`${dependency}/`),
  );
  if (door === undefined) {
    if (specifier.startsWith("node:")) return [];
    return [{ path: from.path, line, rule: "door", message: `${specifier} has no door` }];
  }
  if (door.through.some((entry) => matches(inside, entry))) return [];
  return [
    {
      path: from.path,
      line,
      rule: "door",
      message: `${specifier} is imported through ${door.through.join(", ")} only`,
    },
  ];
}

/** One violation for each ring, reported at the import that closes it (depth-first in path order). */
function rings(imports: readonly Import[]): Violation[] {
  const byFile = new Map<string, Import[]>();
  for (const one of imports) byFile.set(one.from.path, [...(byFile.get(one.from.path) ?? []), one]);
  const state = new Map<string, "open" | "done">();
  const trail: string[] = [];
  const found: Violation[] = [];
  const visit = (path: string): void => {
    state.set(path, "open");
    trail.push(path);
    for (const { target, line } of byFile.get(path) ?? []) {
      if (target === null) continue;
      if (state.get(target) === "open") {
        const ring = [...trail.slice(trail.indexOf(target)), target];
        found.push({ path, line, rule: "ring", message: `closes the ring ${ring.join(" -> ")}` });
      } else if (state.get(target) === undefined) visit(target);
    }
    trail.pop();
    state.set(path, "done");
  };
  for (const path of byFile.keys()) if (state.get(path) === undefined) visit(path);
  return found;
}
