/** What Python says where a template leaves it to the language: how values are printed, and what white space is. */

/** A value inside a running template; `type` is the name of its class in the library. */
export interface RuntimeValue {
  readonly type: string;
  readonly value: unknown;
  toString(): string;
}

/** What Python's `str.strip` takes away: it knows separators that JavaScript's `trim` does not, and leaves U+FEFF. */
const WHITE_SPACE =
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000";

export interface Sides {
  readonly left: boolean;
  readonly right: boolean;
}

/** `str.strip`, `lstrip` or `rstrip`; `characters` null: white space. */
export function stripPython(text: string, characters: string | null, { left, right }: Sides): string {
  const stripped = new Set(characters ?? WHITE_SPACE);
  const points = Array.from(text);
  let start = 0;
  let end = points.length;
  while (left && start < end && stripped.has(points[start])) start++;
  while (right && end > start && stripped.has(points[end - 1])) end--;
  return start === 0 && end === points.length ? text : points.slice(start, end).join("");
}

/** `str.title`: whatever is not a letter with case begins a word anew. */
export function titlePython(text: string): string {
  return text.replace(/\p{Cased}+/gu, (word) => {
    const [first] = word;
    // What becomes several letters in capitals, as ligatures do, has only one of them here.
    const [capital, ...rest] = first.toUpperCase();
    return capital + rest.join("").toLowerCase() + word.toLowerCase().slice(first.toLowerCase().length);
  });
}

export function isPythonString(value: RuntimeValue): value is RuntimeValue & { readonly value: string } {
  return value.type === "StringValue";
}

/** `a == b`: by value, also of lists and objects; True is 1. */
export function equalInPython(a: RuntimeValue, b: RuntimeValue): boolean {
  const [left, right] = [a.value, b.value];
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item: RuntimeValue, at) => equalInPython(item, right[at]));
  if (left instanceof Map && right instanceof Map)
    return (
      left.size === right.size &&
      [...left].every(([key, item]) => right.has(key) && equalInPython(item, right.get(key)))
    );
  // Null and undefined are both without a value in the library.
  if (left === undefined && right === undefined) return a.type === b.type;
  return numeric(left) === numeric(right);
}

function numeric(value: unknown): unknown {
  return typeof value === "boolean" ? Number(value) : value;
}

/** `str(value)`; what is undefined prints as nothing. */
export function printPython(value: RuntimeValue): string {
  if (isPythonString(value)) return value.value;
  return value.type === "UndefinedValue" ? "" : represent(value);
}

/** `repr(value)`. */
function represent(value: RuntimeValue): string {
  const content = value.value;
  // The library keeps no value in a null.
  if (value.type === "NullValue") return "None";
  if (typeof content === "boolean") return content ? "True" : "False";
  if (typeof content === "string") return quote(content);
  if (Array.isArray(content)) {
    const items = (content as readonly RuntimeValue[]).map(represent).join(", ");
    if (value.type !== "TupleValue") return `[${items}]`;
    return content.length === 1 ? `(${items},)` : `(${items})`;
  }
  if (content instanceof Map && value.type === "ObjectValue")
    return `{${[...(content as Map<string, RuntimeValue>)].map(([key, item]) => `${quote(key)}: ${represent(item)}`).join(", ")}}`;
  return value.toString();
}

/** Python prefers single quotes, and takes double ones where only that saves escapes. */
function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\p{Cc}]/gu, (character) => ESCAPES[character] ?? hex(character));
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function hex(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
