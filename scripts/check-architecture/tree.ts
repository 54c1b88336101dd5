/** The files that are checked, parsed once. Paths are relative to the project and use `/`. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import ts from "typescript";

export interface SourceText {
  /** Such as `src/data/mixture.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
}

export interface SourceCode extends SourceText {
  readonly code: ts.SourceFile;
}

export interface Tree {
  /** TypeScript below `src/`. */
  readonly source: readonly SourceCode[];
  /** TypeScript below `scripts/` and `test/`, and native code below `src/` and `test/`: held to the size rules only. */
  readonly others: readonly SourceText[];
}

export interface Violation {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

const ROOTS = ["src", "scripts", "test"];
const CHECKED = /\.(ts|c|h|cu|cuh)$/;

/** Reads a project's tree. */
export function readTree(root: string): Tree {
  const texts = new Map<string, string>();
  for (const folder of ROOTS) {
    if (!existsSync(join(root, folder))) continue;
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = relative(root, join(entry.parentPath, entry.name)).split(sep).join("/");
      if (entry.isFile() && CHECKED.test(path)) texts.set(path, readFileSync(join(root, path), "utf8"));
    }
  }
  return treeOf(texts);
}

/** A tree from texts by path. */
export function treeOf(texts: ReadonlyMap<string, string>): Tree {
  const files = [...texts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, text]) => ({ path, text, lines: countLines(text) }));
  const isSource = (file: SourceText): boolean => file.path.startsWith("src/") && file.path.endsWith(".ts");
  return {
    source: files.filter(isSource).map((file) => ({ ...file, code: parse(file) })),
    others: files.filter((file) => !isSource(file)),
  };
}

/** The line of a position, from 1. */
export function lineAt(code: ts.SourceFile, position: number): number {
  return code.getLineAndCharacterOfPosition(position).line + 1;
}

/** Calls `visit` for every node, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function parse({ path, text }: SourceText): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
}

function countLines(text: string): number {
  return text === "" ? 0 : text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}
