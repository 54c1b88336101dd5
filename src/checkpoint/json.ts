/**
 * JSON as checkpoints need it: writing refuses what JSON would silently change (NaN becomes null, a typed array an object),
 * reading is bounded, and text of unknown origin is checked for what `JSON.parse` lets pass (a key given twice: the last wins).
 */
import { readFileSync, statSync } from "node:fs";
import { systemCode, UserError } from "../base/errors.js";
import { parseJson, readJson } from "../base/files.js";

/** A configuration or an index of any known model is far smaller; a larger file is a mistake, and is not read into memory. */
const MAX_JSON_BYTES = 64 << 20;

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Indented JSON text. @throws TypeError when a number is not finite or an object is not plain: it would not come back as it was. */
export function encodeJson(value: unknown): string {
  const text = JSON.stringify(
    value,
    (key, item: unknown) => {
      if (typeof item === "number" && !Number.isFinite(item)) throw new TypeError(`"${key}" is ${item}`);
      if (isObject(item) && ![Object.prototype, null].includes(Object.getPrototypeOf(item)))
        throw new TypeError(`"${key}" is not a plain object`);
      return item;
    },
    1,
  );
  return `${text}\n`;
}

/**
 * Reads a JSON file that must hold an object.
 * @throws UserError when it is absent, not a plain file, too large, not JSON or not an object.
 */
export async function readJsonObject(path: string): Promise<JsonObject> {
  checkSize(path);
  return objectOf(await readJson(path), path);
}

/** As `readJsonObject`, for the few small files that a plan depends on. */
export function readJsonObjectNow(path: string): JsonObject {
  checkSize(path);
  return objectOf(
    parseJson(
      onRead(path, () => readFileSync(path, "utf8")),
      path,
    ),
    path,
  );
}

function checkSize(path: string): void {
  const bytes = plainFileBytes(path);
  if (bytes > MAX_JSON_BYTES)
    throw new UserError({
      what: "this file is too large to be what its name says",
      where: path,
      expected: `at most ${MAX_JSON_BYTES} bytes`,
      got: `${bytes} bytes`,
    });
}

function objectOf(value: unknown, where: string): JsonObject {
  if (!isObject(value)) throw new UserError({ what: "this file does not hold a JSON object", where });
  return value;
}

/** Size of a plain file in bytes. @throws UserError when it is missing, unreadable or something else (a folder, a pipe). */
export function plainFileBytes(path: string): number {
  const found = onRead(path, () => statSync(path));
  if (!found.isFile()) throw new UserError({ what: "this is not a plain file", where: path });
  return found.size;
}

/** Runs a file operation; a system error becomes a UserError that names the path. */
export function onRead<T>(path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw readError(path, error);
  }
}

/** A system error as a UserError that names the path; anything else as it is. */
export function readError(path: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === null) return error;
  const what = code === "ENOENT" ? "this file is missing" : `cannot read this file (${code})`;
  return new UserError({ what, where: path }, { cause: error });
}

/**
 * What is wrong with JSON text although `JSON.parse` may take it: nesting deeper than `maxDepth`, or an object key given twice.
 * Null when nothing is. Syntax is left to `JSON.parse`. @throws SyntaxError when a key holds a bad escape.
 */
export function hiddenTrouble(text: string, maxDepth: number): string | null {
  const open: (Set<string> | null)[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "{" || character === "[") {
      open.push(character === "{" ? new Set() : null);
      if (open.length > maxDepth) return `nested deeper than ${maxDepth} levels`;
    } else if (character === "}" || character === "]") {
      open.pop();
    } else if (character === '"') {
      const end = endOfString(text, i);
      const keys = open.at(-1);
      if (keys instanceof Set && nextVisible(text, end) === ":") {
        const key = String(JSON.parse(text.slice(i, end)));
        if (keys.has(key)) return `"${key}" is given twice`;
        keys.add(key);
      }
      i = end - 1;
    }
  }
  return null;
}

/** Position after the closing quote of the string that opens at `begin`; the text's end where it is not closed. */
function endOfString(text: string, begin: number): number {
  for (let i = begin + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i + 1;
  }
  return text.length;
}

function nextVisible(text: string, begin: number): string | undefined {
  let i = begin;
  while (text[i] === " " || text[i] === "\n" || text[i] === "\r" || text[i] === "\t") i++;
  return text[i];
}
