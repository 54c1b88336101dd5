/** Readable source files of the `code` domain. */
import type { SampleDocument } from "./sample-document.js";

const MIN_BYTES = 200;
const MAX_BYTES = 100_000;
/** A line longer than this is generated, minified or data. */
const MAX_LINE = 300;
/** Generated tables have few letters; readable source has many. */
const MIN_LETTER_SHARE = 0.45;

/** Whether a file looks written by people: neither tiny, huge, minified nor a table of data. */
export function isReadableSource(text: string): boolean {
  if (text.length < MIN_BYTES || text.length > MAX_BYTES || text.includes("\0")) return false;
  if (text.split("\n").some((line) => line.length > MAX_LINE)) return false;
  const letters = text.match(/[A-Za-z]/g)?.length ?? 0;
  return letters >= MIN_LETTER_SHARE * text.replace(/\s+/g, "").length;
}

/** One document for each readable file, licence headers included. `origin` is the package's `name@version`. */
export function* codeDocuments(
  files: ReadonlyMap<string, string>,
  origin: string,
  licence: string,
): Generator<SampleDocument> {
  for (const [path, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (isReadableSource(text)) yield { text, source: `${origin}/${path}`, licence };
}
