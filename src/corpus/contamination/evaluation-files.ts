/** Evaluation sets as lists of texts. What cannot be read is an error: an item that is not looked for is a leak that nobody sees. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, UserError } from "../../base/errors.js";
import { hashFile } from "../../base/fingerprint.js";
import { readJsonLines } from "../json-lines.js";
import { readParquet } from "../parquet.js";
import { decodeUtf8, NOT_UTF8, type RecordReader, reject, type SourceDocument, type SourceRecord } from "../record.js";
import type { EvaluationSet } from "./settings.js";

/** One question of an evaluation set; without texts where its record has none in the fields. */
export interface EvaluationItem {
  /** `file:line`, for people; the file where there is no text. */
  readonly where: string;
  readonly texts: readonly string[];
}

type Format = "lines" | "json" | "parquet" | "text";
const FORMATS: readonly (readonly [RegExp, Format])[] = [
  [/\.(jsonl|ndjson)(\.gz)?$/i, "lines"],
  [/\.json$/i, "json"],
  [/\.parquet$/i, "parquet"],
  [/\.(txt|md)$/i, "text"],
];
const formatOf = (path: string): Format | null => FORMATS.find(([pattern]) => pattern.test(path))?.[1] ?? null;

/** No evaluation set nests its texts deeper; what does is refused. */
const MOST_NESTING = 32;

/**
 * The files of a set, folders walked in order of names. A folder's plain texts are read only where they are named: most are read-me files and
 * licences.
 * @throws UserError for a path that cannot be read, is of an unknown kind, or a folder without such files.
 */
export async function evaluationFiles({ name, paths }: EvaluationSet): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await reading(name, path, stat(path));
    const inside = found.isDirectory()
      ? (await readdir(path, { recursive: true })).sort().map((file) => join(path, file))
      : [path];
    const known = inside.filter(
      (file) => formatOf(file) !== null && !(found.isDirectory() && formatOf(file) === "text"),
    );
    if (known.length === 0)
      throw new UserError({
        what: `the evaluation set ${name} has no file here that can be read`,
        where: path,
        expected: ".jsonl, .ndjson (also .gz), .json, .parquet; as a file of its own also .txt, .md",
      });
    files.push(...known);
  }
  return files;
}

/** SHA-256 of every file of every set, by set. */
export async function evaluationFingerprints(sets: readonly EvaluationSet[]): Promise<Record<string, string[]>> {
  const fingerprints: Record<string, string[]> = {};
  for (const set of sets) {
    const hashes: string[] = [];
    for (const path of await evaluationFiles(set)) hashes.push(await reading(set.name, path, hashFile(path)));
    fingerprints[set.name] = hashes;
  }
  return fingerprints;
}

/** What the system cannot read is the user's to mend. */
function reading<Result>(set: string, path: string, result: Promise<Result>): Promise<Result> {
  return result.catch((error: unknown) => {
    const what = `cannot read this file of the evaluation set ${set} (${systemCode(error) ?? "unknown error"})`;
    throw new UserError({ what, where: path }, { cause: error });
  });
}

/**
 * The items of a set.
 * @throws UserError for a record that cannot be read, or a file in which no record has a text in the fields.
 */
export async function* readItems(set: EvaluationSet): AsyncGenerator<EvaluationItem> {
  const records: RecordReader = {
    columns: { all: [...new Set(set.fields.map((field) => field.split(".")[0]))], required: [] },
    read: (fields, where) => recordOf(fields, where, set.fields),
  };
  for (const path of await evaluationFiles(set)) {
    let texts = 0;
    for await (const record of recordsOf(set.name, path, records)) {
      if ("rejected" in record)
        throw new UserError({
          what: `a record of the evaluation set ${set.name} cannot be read: ${record.rejected.why}`,
          where: record.rejected.where,
        });
      texts += record.documents.length;
      yield { where: record.documents[0]?.where ?? path, texts: record.documents.map(({ text }) => text) };
    }
    if (texts === 0)
      throw new UserError({
        what: `the evaluation set ${set.name} has no text in this file`,
        where: path,
        expected: `a text in one of the fields ${set.fields.join(", ")}`,
        hint: "name the set's own `fields`",
      });
  }
}

async function* recordsOf(set: string, path: string, records: RecordReader): AsyncGenerator<SourceRecord> {
  const format = formatOf(path);
  if (format === "lines") yield* readJsonLines(path, records);
  else if (format === "parquet") yield* readParquet(path, records);
  else if (format === "json") {
    const value = await wholeJson(set, path);
    // BFCL's files of JSON lines are called `.json`.
    if (value === null) yield* readJsonLines(path, records);
    else for (const [index, fields] of value.entries()) yield records.read(fields, `${path}:${index + 1}`);
  } else {
    const text = decodeUtf8(await reading(set, path, readFile(path)));
    if (text === NOT_UTF8) yield reject(path, "the file is not valid UTF-8");
    else
      for (const [index, paragraph] of text.split(/\n[^\S\n]*\n/).entries())
        if (paragraph.trim() !== "") yield { documents: [documentOf(paragraph, `${path}#${index + 1}`)] };
  }
}

/** The records of a file that is JSON as a whole; null for one that is not. */
async function wholeJson(set: string, path: string): Promise<unknown[] | null> {
  const text = decodeUtf8(await reading(set, path, readFile(path)));
  if (text === NOT_UTF8) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    return null;
  }
}

const documentOf = (text: string, where: string): SourceDocument => ({ text, where, source: null, licence: null });

function recordOf(record: unknown, where: string, fields: readonly string[]): SourceRecord {
  if (record === null || typeof record !== "object") return reject(where, "the record is not an object", record);
  const texts: string[] = [];
  for (const field of fields) {
    const value = field.split(".").reduce<unknown>((at, name) => memberOf(at, name), record);
    if (!collectTexts(value, texts)) return reject(where, `\`${field}\` is nested deeper than ${MOST_NESTING}`);
  }
  return { documents: texts.map((text) => documentOf(text, where)) };
}

function memberOf(value: unknown, name: string): unknown {
  return value !== null && typeof value === "object" && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** Texts, lists of them, and messages by their `content`, at any depth but too deep a one; then false. */
function collectTexts(value: unknown, texts: string[], depth = 0): boolean {
  if (depth > MOST_NESTING) return false;
  if (typeof value === "string") texts.push(value);
  if (value === null || typeof value !== "object") return true;
  const content = memberOf(value, "content");
  const inside = content === undefined ? Object.values(value) : [content];
  return inside.every((item) => collectTexts(item, texts, depth + 1));
}
