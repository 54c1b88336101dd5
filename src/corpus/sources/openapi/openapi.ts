/** The kind `openapi`: OpenAPI 2 (Swagger), 3.0 and 3.1, as JSON or YAML. References into other files are left open. */
import type { SourceItem } from "../../forge-document.js";
import { rejection } from "../../read/items.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { type ToolSettings, toolItems } from "../tool-items.js";
import { parseDescription } from "./document.js";
import { isOpenApi, operationsOf } from "./operations.js";

/** A file is a unit. */
export const OPENAPI: SourceKind<ToolSettings> = {
  units: (files) =>
    files
      .filter(({ path }) => /\.(?:json|ya?ml)$/i.test(path))
      .map(({ path, bytes }) => ({ name: path, files: [path], bytes })),
  read: ({ files: [path] }, files, settings) => read(path, files, settings),
};

async function* read(path: string, files: SourceFiles, settings: ToolSettings): AsyncGenerator<SourceItem> {
  const text = await files.text(path);
  const parsed = text === null ? { why: "the file is not valid UTF-8" } : parseDescription(text);
  if ("why" in parsed) {
    yield rejection(path, parsed.why, text ?? "");
    return;
  }
  if (!isOpenApi(parsed.value)) {
    yield rejection(path, "the document does not say that it is OpenAPI 2 or 3", text ?? "");
    return;
  }
  let operations = 0;
  for (const tool of operationsOf(parsed.value)) {
    operations++;
    yield* toolItems(tool, `${path}#${tool.operation}`, settings);
  }
  if (operations === 0) yield rejection(path, "the document has no operations", text ?? "");
}
