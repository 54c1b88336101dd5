/** Rules about single expressions: holes in the type system, the doors of `process`. */
import ts from "typescript";
import { isRawBinding, matches, PROCESS_DOORS, PROCESS_MEMBERS } from "./policy.js";
import { lineAt, type SourceCode, type Violation, walk } from "./tree.js";

export function typeViolations({ path, code }: SourceCode): Violation[] {
  if (isRawBinding(path)) return [];
  const found: Violation[] = [];
  walk(code, (node) => {
    const message = typeHole(node);
    if (message !== null) found.push({ path, line: lineAt(code, node.getStart()), rule: "types", message });
  });
  return found;
}

function typeHole(node: ts.Node): string | null {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return "any";
  if (ts.isNonNullExpression(node)) return "non-null !";
  if ((ts.isVariableDeclaration(node) || ts.isPropertyDeclaration(node)) && node.exclamationToken !== undefined)
    return "non-null ! on a declaration";
  if (!isAssertion(node)) return null;
  const inner = unwrapped(node.expression);
  return isAssertion(inner) && inner.type.kind === ts.SyntaxKind.UnknownKeyword ? "as unknown as" : null;
}

function isAssertion(node: ts.Node): node is ts.AsExpression | ts.TypeAssertion {
  return ts.isAsExpression(node) || ts.isTypeAssertionExpression(node);
}

function unwrapped(node: ts.Expression): ts.Expression {
  return ts.isParenthesizedExpression(node) ? unwrapped(node.expression) : node;
}

/** `process.env`, `process["env"]`, `const { env } = process` and `import { env } from "node:process"` outside their doors. */
export function processViolations({ path, code }: SourceCode): Violation[] {
  const inside = path.slice("src/".length);
  if (PROCESS_DOORS.some((entry) => matches(inside, entry))) return [];
  const found: Violation[] = [];
  walk(code, (node) => {
    for (const member of processMembers(node))
      if (PROCESS_MEMBERS.has(member))
        found.push({
          path,
          line: lineAt(code, node.getStart()),
          rule: "door",
          message: `process.${member} is for ${PROCESS_DOORS.join(", ")} only`,
        });
  });
  return found;
}

function processMembers(node: ts.Node): string[] {
  if (ts.isPropertyAccessExpression(node) && isProcess(node.expression)) return [node.name.text];
  if (
    ts.isElementAccessExpression(node) &&
    isProcess(node.expression) &&
    ts.isStringLiteralLike(node.argumentExpression)
  )
    return [node.argumentExpression.text];
  if (
    ts.isVariableDeclaration(node) &&
    ts.isObjectBindingPattern(node.name) &&
    node.initializer !== undefined &&
    isProcess(node.initializer)
  )
    return node.name.elements.map((element) => (element.propertyName ?? element.name).getText());
  if (
    !ts.isImportDeclaration(node) ||
    !ts.isStringLiteral(node.moduleSpecifier) ||
    !/^(node:)?process$/.test(node.moduleSpecifier.text)
  )
    return [];
  const bindings = node.importClause?.namedBindings;
  return bindings !== undefined && ts.isNamedImports(bindings)
    ? bindings.elements.map((element) => (element.propertyName ?? element.name).text)
    : [];
}

function isProcess(node: ts.Expression): boolean {
  return (
    (ts.isIdentifier(node) && node.text === "process") ||
    (ts.isPropertyAccessExpression(node) && node.getText() === "globalThis.process")
  );
}
