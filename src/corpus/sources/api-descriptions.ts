/** Kinds of which every file is the description of one API, as JSON or YAML. */
import type { SourceItem } from "../forge-document.js";
import { rejection } from "../read/items.js";
import type { ToolDescription } from "../render/tool.js";
import type { SourceFiles, SourceKind } from "../source-kind.js";
import { parseDescription } from "./openapi/document.js";
import { type ToolSettings, toolItems } from "./tool-items.js";
import { fileUnits } from "./units.js";

export interface ApiDescriptions {
  /** Ends of file names. */
  readonly files: RegExp;
  tools(document: unknown): Iterable<ToolDescription>;
  /** Why a document has no tools. */
  whyNone(document: unknown): string;
}

export function apiDescriptions(format: ApiDescriptions): SourceKind<ToolSettings> {
  return {
    units: (files) => fileUnits(files, (path) => format.files.test(path)),
    read: ({ files: [path] }, files, settings) => read(path, files, settings, format),
  };
}

async function* read(
  path: string,
  files: SourceFiles,
  settings: ToolSettings,
  { tools, whyNone }: ApiDescriptions,
): AsyncGenerator<SourceItem> {
  const text = await files.text(path);
  const parsed = text === null ? { why: "the file is not valid UTF-8" } : parseDescription(text);
  if ("why" in parsed) {
    yield rejection(path, parsed.why, text ?? "");
    return;
  }
  let found = 0;
  for (const tool of tools(parsed.value)) {
    found++;
    yield* toolItems(tool, `${path}#${tool.operation}`, settings);
  }
  if (found === 0) yield rejection(path, whyNone(parsed.value), text ?? "");
}
