/** The kind `documents`: records with a text, as JSON lines, JSON arrays or Parquet, compressed or not. */
import type { SourceItem } from "../../forge-document.js";
import { documentItem, rejection } from "../../read/items.js";
import { holdsRecords, readValues } from "../../read/values.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { fileUnits } from "../units.js";

export interface DocumentsSettings {
  /** The records' name for the text; by default `text`. */
  readonly text?: string;
  /** The language's tag, such as `en`. */
  readonly language?: string | null;
}

/** A file is a unit. */
export const DOCUMENTS: SourceKind<DocumentsSettings> = {
  units: (files) => fileUnits(files, holdsRecords),
  read: ({ files: [path] }, files, settings) => read(path, files, settings),
};

async function* read(
  path: string,
  files: SourceFiles,
  { text: column = "text", language }: DocumentsSettings,
): AsyncGenerator<SourceItem> {
  const columns = { all: [column, "licence", "license"], required: [column] };
  for await (const found of readValues(path, files, columns)) {
    if ("rejected" in found) yield found;
    else yield itemOf(found.value, found.where, column, language ?? null);
  }
}

function itemOf(value: unknown, where: string, column: string, language: string | null): SourceItem {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    return rejection(where, "the record is not an object", value);
  const fields = value as Readonly<Record<string, unknown>>;
  const text = Object.hasOwn(fields, column) ? fields[column] : undefined;
  if (typeof text !== "string") return rejection(where, `\`${column}\` is not a text`, value);
  const licence = [fields["licence"], fields["license"]].find((each) => typeof each === "string" && each.trim() !== "");
  const known = { ...(typeof licence === "string" ? { licence } : {}), ...(language === null ? {} : { language }) };
  return documentItem({ text, origin: where, form: "text", ...known }, value);
}
