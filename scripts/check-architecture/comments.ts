/** Rules about comments: no code that was commented out, no TODO without a reason, no switching off of the type checker. */
import ts from "typescript";
import { lineAt, type SourceCode, type Violation } from "./tree.js";

/** `TODO(reason): what`; the reason says why it is not done now. */
const BARE_TODO = /\b(TODO|FIXME|XXX|HACK)\b(?!\([^)]{8,}\):\s*\S)/;
const SWITCHED_OFF = /@ts-(ignore|nocheck|expect-error)\b/;

interface Comment {
  readonly position: number;
  /** Without its markers. */
  readonly text: string;
  readonly kind: "line" | "block" | "documentation";
}

export function commentViolations({ path, code }: SourceCode): Violation[] {
  const comments = commentsOf(code);
  const at = (comment: Comment, rule: string, message: string): Violation => ({
    path,
    line: lineAt(code, comment.position),
    rule,
    message,
  });
  return [
    ...comments.filter(({ text }) => BARE_TODO.test(text)).map((one) => at(one, "todo", "write TODO(reason): what")),
    ...comments
      .filter(({ text }) => SWITCHED_OFF.test(text))
      .map((one) => at(one, "types", "switches the type checker off")),
    ...passages(code, comments)
      .filter(isCode)
      .map((one) => at(one, "commented-code", "code that was commented out; history keeps it")),
  ];
}

/** Every comment once. They hang before or behind tokens, so that a string with `//` inside is not one. */
function commentsOf(code: ts.SourceFile): Comment[] {
  const ranges = new Map<number, ts.CommentRange>();
  const visit = (node: ts.Node): void => {
    const children = node.getChildren(code);
    children.forEach(visit);
    if (children.length > 0) return;
    const before = ts.getLeadingCommentRanges(code.text, node.getFullStart()) ?? [];
    const behind = ts.getTrailingCommentRanges(code.text, node.getEnd()) ?? [];
    for (const range of [...before, ...behind]) ranges.set(range.pos, range);
  };
  visit(code);
  return [...ranges.values()].sort((a, b) => a.pos - b.pos).map((range) => commentOf(code.text, range));
}

function commentOf(text: string, { pos, end, kind }: ts.CommentRange): Comment {
  const raw = text.slice(pos, end);
  if (kind === ts.SyntaxKind.SingleLineCommentTrivia) return { position: pos, text: raw.slice(2).trim(), kind: "line" };
  return {
    position: pos,
    text: raw.replace(/^\/\*+|\*+\/$/g, "").trim(),
    kind: raw.startsWith("/**") ? "documentation" : "block",
  };
}

/** Runs of line comments on following lines are one passage. Documentation may show code. */
function passages(code: ts.SourceFile, comments: readonly Comment[]): Comment[] {
  const found: Comment[] = [];
  let lastLine = Number.NEGATIVE_INFINITY;
  for (const comment of comments) {
    if (comment.kind === "documentation") continue;
    const line = lineAt(code, comment.position);
    const previous = found.at(-1);
    if (previous?.kind === "line" && comment.kind === "line" && line === lastLine + 1)
      found[found.length - 1] = { ...previous, text: `${previous.text}\n${comment.text}` };
    else found.push(comment);
    lastLine = line;
  }
  return found;
}

/**
 * A guess: text is code when some line ends like code and the whole parses. Prose almost never parses beyond one word, and formulas
 * (`rate = peak · x`) do not end in a semicolon.
 */
function isCode({ text }: Comment): boolean {
  if (!/[;{}]\s*$|^\s*(import|export|const|let|return|await|throw)\b.*\S/m.test(text)) return false;
  if (!/[;{}(=]/.test(text)) return false;
  const { diagnostics = [] } = ts.transpileModule(`async () => {\n${text}\n}`, {
    reportDiagnostics: true,
    fileName: "comment.ts",
  });
  return diagnostics.length === 0;
}
