/** The kind `code`: the source files of a tree that people wrote, each a document with its language and licence. */
import type { SourceItem } from "../../forge-document.js";
import { documentItem, rejection } from "../../read/items.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { gatherUnits } from "../gather-units.js";
import { languageOf } from "./languages.js";
import { whyUnreadable } from "./readable.js";

export type CodeSettings = Readonly<Record<never, never>>;

/** A file beyond this is data. */
const MAX_BYTES = 4 * 2 ** 20;
/** `SPDX-License-Identifier: MIT` (SPDX specification, annex E). */
const SPDX = /SPDX-License-Identifier:\s*([\w.+() -]{1,100}?)\s*(?:\*\/|-->|$)/m;
const HEADER_CHARACTERS = 4000;

/** Files of known languages, gathered to units of about a megabyte. */
export const CODE: SourceKind<CodeSettings> = {
  units: (files) => gatherUnits(files.filter(({ path }) => languageOf(path) !== null)),
  async *read(unit, files) {
    for (const path of unit.files) yield await readCode(path, files);
  },
};

async function readCode(path: string, files: SourceFiles): Promise<SourceItem> {
  const bytes = await files.bytes(path);
  if (bytes.length > MAX_BYTES) return rejection(path, `the file is longer than ${MAX_BYTES} bytes`, "");
  const text = await files.text(path);
  if (text === null) return rejection(path, "the file is not valid UTF-8", bytes);
  const why = whyUnreadable(path, text);
  if (why !== null) return rejection(path, why, text);
  const language = languageOf(path);
  const licence = SPDX.exec(text.slice(0, HEADER_CHARACTERS))?.[1];
  const known = { ...(language === null ? {} : { language }), ...(licence === undefined ? {} : { licence }) };
  return documentItem({ text, origin: path, form: "code", ...known }, text);
}
