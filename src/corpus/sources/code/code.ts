/** The kind `code`: the source files of a tree that people wrote, each a document with its language and licence. */
import type { SourceItem } from "../../forge-document.js";
import { documentItem, rejection } from "../../read/items.js";
import { readWhole } from "../../read/whole-file.js";
import { decodeUtf8, NOT_UTF8 } from "../../record.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { gatherUnits } from "../units.js";
import { languageOf } from "./languages.js";
import { whyUnreadable } from "./readable.js";

export type CodeSettings = Readonly<Record<never, never>>;

/** A file beyond this is data. */
const MAX_BYTES = 4 * 2 ** 20;
/** `SPDX-License-Identifier: MIT` (SPDX specification, annex E). */
const SPDX = /SPDX-License-Identifier:(.{1,200})/;
const EXPRESSION = /^[\w.+() -]+$/;
const HEADER_CHARACTERS = 4000;

/** Files of known languages, gathered to units of about a megabyte. */
export const CODE: SourceKind<CodeSettings> = {
  units: (files) => gatherUnits(files.filter(({ path }) => languageOf(path) !== null)),
  async *read(unit, files) {
    for (const path of unit.files) yield await readCode(path, files);
  },
};

async function readCode(path: string, files: SourceFiles): Promise<SourceItem> {
  const file = await readWhole(path, files, MAX_BYTES);
  if ("rejected" in file) return file;
  const decoded = decodeUtf8(file.content);
  if (decoded === NOT_UTF8) return rejection(path, "the file is not valid UTF-8", file.content);
  const text = decoded.replaceAll("\r\n", "\n");
  const why = whyUnreadable(path, text);
  if (why !== null) return rejection(path, why, text);
  const language = languageOf(path);
  const licence = licenceOf(text);
  const known = { ...(language === null ? {} : { language }), ...(licence === null ? {} : { licence }) };
  return documentItem({ text, origin: path, form: "code", ...known }, text);
}

/** The licence that a file's first lines name, or null. */
export function licenceOf(text: string): string | null {
  const [, rest = ""] = SPDX.exec(text.slice(0, HEADER_CHARACTERS)) ?? [];
  const [expression = ""] = rest.split(/\*\/|-->/);
  return EXPRESSION.test(expression.trim()) ? expression.trim() : null;
}
