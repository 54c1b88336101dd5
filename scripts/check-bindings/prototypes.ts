/**
 * The functions that C text declares, each parameter reduced to how it is passed: a small parser for declarations, not for C.
 * The bindings' own prototypes go through the same parser as the headers.
 */
import { type Declaration, declarationsOf, tokensOf } from "./tokens.js";

/** How a value is passed, behind all typedefs. `char*` and `char**` are pointers that may be given as texts. */
export type Passed =
  | "void"
  | "pointer"
  | "char*"
  | "char**"
  | "enum"
  | "float"
  | "double"
  | `${"int" | "uint"}${8 | 16 | 32 | 64}`
  | `unknown ${string}`;

export interface Parameter {
  /** Null where the header gives none. */
  readonly name: string | null;
  readonly passed: Passed;
}

export interface Prototype {
  readonly name: string;
  readonly result: Passed;
  readonly parameters: readonly Parameter[];
}

/** What a typedef's name stands for: other tokens of a type. */
type Typedefs = ReadonlyMap<string, readonly string[]>;

/** Every function declared in preprocessed C, by name; the last declaration counts. */
export function prototypesOf(text: string): Map<string, Prototype> {
  const declarations = declarationsOf(tokensOf(text));
  const typedefs = typedefsOf(declarations);
  const found = new Map<string, Prototype>();
  for (const declaration of declarations) {
    const prototype = declaration[0] === "typedef" ? null : prototypeOf(declaration, typedefs);
    if (prototype !== null) found.set(prototype.name, prototype);
  }
  return found;
}

/** `typedef int (*name)(...)` and `typedef type name[4]` are pointers where they are passed. */
function typedefsOf(declarations: readonly Declaration[]): Typedefs {
  const found = new Map<string, readonly string[]>();
  for (const declaration of declarations) {
    if (declaration[0] !== "typedef") continue;
    const body = declaration.slice(1);
    const star = body.indexOf("*");
    const bracket = body.indexOf("(");
    if (bracket >= 0 && body[bracket + 1] === "*") found.set(body[bracket + 2], ["void", "*"]);
    else if (body.includes("[")) found.set(body[body.indexOf("[") - 1], ["void", "*"]);
    else if (star >= 0 || bracket < 0) {
      const name = body.at(-1);
      if (name !== undefined) found.set(name, body.slice(0, -1));
    }
  }
  return found;
}

function prototypeOf(declaration: Declaration, typedefs: Typedefs): Prototype | null {
  const open = declaration.indexOf("(");
  const name = declaration[open - 1];
  if (open < 2 || declaration.at(-1) !== ")" || !isIdentifier(name)) return null;
  const list = splitAtCommas(declaration.slice(open + 1, -1));
  const parameters =
    list.length === 1 && list[0].join(" ") === "void" ? [] : list.map((one) => parameterOf(one, typedefs));
  return { name, result: passed(declaration.slice(0, open - 1), typedefs), parameters };
}

function splitAtCommas(tokens: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token === "(") depth++;
    if (token === ")") depth--;
    if (token === "," && depth === 0) parts.push([]);
    else parts[parts.length - 1].push(token);
  }
  return parts.filter((part) => part.length > 0);
}

function parameterOf(tokens: readonly string[], typedefs: Typedefs): Parameter {
  const pointer = tokens.indexOf("(");
  if (pointer >= 0) return { name: tokens[pointer + 2] ?? null, passed: "pointer" };
  const square = tokens.indexOf("[");
  const plain = square < 0 ? tokens : tokens.slice(0, square);
  const last = plain.at(-1) ?? "";
  // A lone word is a type, and so is a last word that means one: `unsigned int`, `struct x`.
  const named = plain.length > 1 && isIdentifier(last) && !isTypeWord(last) && !typedefs.has(last);
  const type = named ? plain.slice(0, -1) : plain;
  return { name: named ? last : null, passed: passed(square < 0 ? type : [...type, "*"], typedefs) };
}

/** Follows typedefs until only words of C are left. */
function passed(type: readonly string[], typedefs: Typedefs): Passed {
  let tokens = [...type];
  for (let depth = 0; depth < 32; depth++) {
    const at = tokens.findIndex((token) => typedefs.has(token) && !isTagged(tokens, token));
    if (at < 0) break;
    tokens = [...tokens.slice(0, at), ...(typedefs.get(tokens[at]) ?? []), ...tokens.slice(at + 1)];
  }
  const stars = tokens.filter((token) => token === "*").length;
  const words = tokens.filter((token) => token !== "*" && token !== "{" && token !== "}");
  if (stars > 0) return words.join(" ") === "char" && stars <= 2 ? (stars === 1 ? "char*" : "char**") : "pointer";
  return words[0] === "enum" ? "enum" : arithmetic(words);
}

/** `struct name` is no use of a typedef called `name`. */
function isTagged(tokens: readonly string[], token: string): boolean {
  return /^(struct|union|enum)$/.test(tokens[tokens.indexOf(token) - 1] ?? "");
}

/** For 64-bit Linux: `long` has 64 bits and `char` a sign. */
function arithmetic(words: readonly string[]): Passed {
  const has = (word: string): boolean => words.includes(word);
  if (words.length === 1 && (has("void") || has("float") || has("double"))) return words[0] as Passed;
  if (words.some((word) => !isTypeWord(word)) || words.length === 0) return `unknown ${words.join(" ")}`;
  const bits = has("long") ? 64 : has("short") ? 16 : has("char") ? 8 : 32;
  return `${has("unsigned") || has("_Bool") ? "uint" : "int"}${bits}`;
}

function isTypeWord(word: string): boolean {
  return /^(void|char|short|int|long|signed|unsigned|float|double|_Bool)$/.test(word);
}

function isIdentifier(token: string | undefined): token is string {
  return token !== undefined && /^[A-Za-z_]\w*$/.test(token);
}

/** Fixed-width names that the bindings use without a header. */
export const FIXED_WIDTH = `
typedef signed char int8_t; typedef unsigned char uint8_t; typedef int int32_t; typedef unsigned int uint32_t;
typedef long int64_t; typedef unsigned long uint64_t; typedef unsigned long size_t;
`;
