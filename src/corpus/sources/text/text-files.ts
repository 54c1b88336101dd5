/** The kind `text`: a document a file, plain or compressed (`.gz`, `.zst`): prose, Markdown, mails, or words with tags. */
import type { SourceItem } from "../../forge-document.js";
import { documentItem, rejection } from "../../read/items.js";
import { readWhole } from "../../read/whole-file.js";
import { decodeUtf8, NOT_UTF8 } from "../../record.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { gatherUnits } from "../units.js";
import { brownText } from "./brown.js";
import { mailText } from "./mail.js";

export interface TextSettings {
  /** How the files hold their text: as it is (by default), as mails, or as the Brown corpus does, `word/tag`. */
  readonly layout?: "plain" | "mail" | "brown";
  /** The language's tag, such as `en`. */
  readonly language?: string | null;
}

/** A longer file is no document; collections of many are JSON lines, Parquet or WARC. */
const MAX_BYTES = 64 * 2 ** 20;

export const TEXT_FILES: SourceKind<TextSettings> = {
  units: gatherUnits,
  async *read(unit, files, settings) {
    for (const path of unit.files) yield await readFile(path, files, settings);
  },
};

async function readFile(
  path: string,
  files: SourceFiles,
  { layout = "plain", language }: TextSettings,
): Promise<SourceItem> {
  const bytes = await readWhole(path, files, MAX_BYTES);
  if ("rejected" in bytes) return bytes;
  const document = (text: string): SourceItem =>
    documentItem({ text, origin: path, form: "text", ...(language ? { language } : {}) }, text);
  if (layout === "mail") {
    const mail = mailText(bytes.content);
    return "why" in mail ? rejection(path, mail.why, bytes.content) : document(mail.text);
  }
  const text = decodeUtf8(bytes.content);
  if (text === NOT_UTF8) return rejection(path, "the file is not valid UTF-8", bytes.content);
  return document(layout === "brown" ? brownText(text) : text.replaceAll("\r\n", "\n").trim());
}
