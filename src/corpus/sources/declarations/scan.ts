/**
 * Finds functions, methods and fields with their doc comments in TypeScript declarations (`*.d.ts`). No parser: it walks from statement
 * to statement, over strings, comments and nested brackets, and passes over what it does not know. Linear in the text, without recursion.
 */

export interface DeclaredParameter {
  readonly name: string;
  /** The type as it is written; "" where there is none. */
  readonly type: string;
  readonly optional: boolean;
}

export interface DeclaredMember {
  /** Class, interface or namespace around it, outermost first. */
  readonly owners: readonly string[];
  readonly name: string;
  /** The text of the doc comment, without its stars; "" where there is none. */
  readonly doc: string;
  /** Null for a field. */
  readonly parameters: readonly DeclaredParameter[] | null;
  /** The type of the result or of the field, as it is written. */
  readonly type: string;
  readonly optional: boolean;
}

const SCOPE =
  /^(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:(?:class|interface|namespace|module)\s+(["'\w$.]+)|global\b)/;
const FUNCTION = /^(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:async\s+)?function\s+([\w$]+)/;
const MEMBER = /^(?:(?:public|static|abstract|readonly|override|get)\s+)*["']?([\w$.:@-]+)["']?(\??)\s*(?=[(<:])/;
const HIDDEN = /^(?:private|protected|#|constructor\b|import\b|type\b|(?:export\s+)?type\s)/;
const OPENING = "([{<";
const CLOSING = ")]}>";
/** Nobody writes deeper types; what is deeper is passed over as one. */
const MAX_OWNERS = 16;

/** Members in the order in which they stand. */
export function scanDeclarations(text: string): DeclaredMember[] {
  const found: DeclaredMember[] = [];
  const owners: string[] = [];
  let doc = "";
  for (let at = 0; at < text.length; ) {
    const char = text[at];
    if (text.startsWith("/*", at) || text.startsWith("//", at)) {
      const end = commentEnd(text, at);
      if (text.startsWith("/**", at) && end > at + 4) doc = docText(text.slice(at, end));
      at = end;
    } else if (char === "}") {
      owners.pop();
      doc = "";
      at++;
    } else if (/[\s;,]/.test(char)) at++;
    else {
      const end = statementEnd(text, at);
      const head = text.slice(at, end);
      const scope = SCOPE.exec(head);
      if (scope !== null && text[end] === "{" && owners.length < MAX_OWNERS) {
        owners.push((scope[1] ?? "").replace(/["']/g, ""));
        at = end + 1;
      } else {
        const member = memberOf(head, owners, doc);
        if (member !== null) found.push(member);
        at = scope === null ? Math.max(end, at + 1) : skipBraces(text, end);
      }
      doc = "";
    }
  }
  return found;
}

/** Where a statement ends: at its `;`, before the `}` around it, or before the `{` of a class, interface or namespace. */
function statementEnd(text: string, start: number): number {
  const scope = SCOPE.test(text.slice(start, start + 200));
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const past = pastQuiet(text, at);
    if (past > at) at = past - 1;
    else {
      const char = text[at];
      if (depth === 0 && (char === ";" || char === "}" || (scope && char === "{"))) return at;
      if (OPENING.includes(char)) depth++;
      else if (CLOSING.includes(char) && !(char === ">" && text[at - 1] === "=")) depth = Math.max(0, depth - 1);
    }
  }
  return text.length;
}

/** The end of the string or comment that begins here, or `at` where none does. */
function pastQuiet(text: string, at: number): number {
  const char = text[at];
  if (char === "/" && (text[at + 1] === "*" || text[at + 1] === "/")) return commentEnd(text, at);
  if (char !== '"' && char !== "'" && char !== "`") return at;
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === char) return end + 1;
    // An apostrophe in something that is no code ends with its line.
    else if (text[end] === "\n" && char !== "`") return end;
  }
  return text.length;
}

function commentEnd(text: string, at: number): number {
  const end = text.indexOf(text[at + 1] === "*" ? "*/" : "\n", at + 2);
  if (end === -1) return text.length;
  return text[at + 1] === "*" ? end + 2 : end;
}

function skipBraces(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const past = pastQuiet(text, at);
    if (past > at) at = past - 1;
    else if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth <= 0) return at + 1;
  }
  return text.length;
}

function docText(comment: string): string {
  return comment
    .slice(3, comment.endsWith("*/") ? -2 : undefined)
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .join("\n")
    .trim();
}

function memberOf(head: string, owners: readonly string[], doc: string): DeclaredMember | null {
  if (HIDDEN.test(head)) return null;
  const matched = FUNCTION.exec(head) ?? MEMBER.exec(head);
  const name = matched?.[1];
  if (matched === null || name === undefined) return null;
  let at = matched[0].length;
  if (head[at] === "<") at = groupEnd(head, at);
  while (/\s/.test(head[at] ?? "")) at++;
  const member = { owners: [...owners], name, doc, optional: matched[2] === "?" };
  if (head[at] !== "(") return { ...member, parameters: null, type: afterColon(head.slice(at)) };
  const end = groupEnd(head, at);
  const parameters = splitAtCommas(head.slice(at + 1, end - 1)).flatMap(parameterOf);
  return { ...member, parameters, type: afterColon(head.slice(end)) };
}

function afterColon(text: string): string {
  return text.trim().startsWith(":") ? text.trim().slice(1).trim() : "";
}

/** Past the bracket that closes the one at `start`. */
function groupEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const past = pastQuiet(text, at);
    if (past > at) at = past - 1;
    else if (OPENING.includes(text[at])) depth++;
    else if (CLOSING.includes(text[at]) && text.slice(at - 1, at + 1) !== "=>" && --depth === 0) return at + 1;
  }
  return text.length;
}

function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const past = pastQuiet(text, at);
    if (past > at) at = past - 1;
    else if (OPENING.includes(text[at])) at = groupEnd(text, at) - 1;
    else if (text[at] === ",") {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)].map((part) => part.trim()).filter((part) => part !== "");
}

function parameterOf(text: string): DeclaredParameter[] {
  const [, name, optional] = /^(?:\.\.\.)?([\w$]+)(\??)/.exec(text) ?? [];
  if (name === undefined || name === "this") return [];
  return [
    { name, type: afterColon(text.replace(/^[.\w$]+\??/, "")), optional: optional === "?" || text.startsWith("...") },
  ];
}
