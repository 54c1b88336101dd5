/** The kind `discovery`: Google API discovery documents (developers.google.com/discovery/v1/reference/apis). */
import type { SourceItem } from "../forge-document.js";
import { rejection } from "../read/items.js";
import { plainProse } from "../render/prose.js";
import type { ToolDescription } from "../render/tool.js";
import { NO_RESULT, resultOf } from "../render/tool-result.js";
import type { SourceFiles, SourceKind } from "../source-kind.js";
import { isSchema, memberOf, type Schema, SchemaReader, textMember } from "./json-schema.js";
import { parseDescription } from "./openapi/document.js";
import { type ToolSettings, toolItems } from "./tool-items.js";

/** Resources within resources. */
const MAX_DEPTH = 16;

/** A file is a unit. */
export const DISCOVERY: SourceKind<ToolSettings> = {
  units: (files) =>
    files.filter(({ path }) => /\.json$/i.test(path)).map(({ path, bytes }) => ({ name: path, files: [path], bytes })),
  read: ({ files: [path] }, files, settings) => read(path, files, settings),
};

async function* read(path: string, files: SourceFiles, settings: ToolSettings): AsyncGenerator<SourceItem> {
  const text = await files.text(path);
  const parsed = text === null ? { why: "the file is not valid UTF-8" } : parseDescription(text);
  if ("why" in parsed) {
    yield rejection(path, parsed.why, text ?? "");
    return;
  }
  let methods = 0;
  for (const tool of methodsOf(parsed.value)) {
    methods++;
    yield* toolItems(tool, `${path}#${tool.name}`, settings);
  }
  if (methods === 0) yield rejection(path, "the document has no `methods` or `resources` with methods", text ?? "");
}

/** Every method of a discovery document. */
export function* methodsOf(document: unknown): Generator<ToolDescription> {
  const schemas = memberOf(document, "schemas");
  const reader = new SchemaReader((reference) => memberOf(schemas, reference));
  yield* methodsIn(document, { document, reader }, 0);
}

interface Api {
  readonly document: unknown;
  readonly reader: SchemaReader;
}

function* methodsIn(resource: unknown, api: Api, depth: number): Generator<ToolDescription> {
  const [methods, resources] = [memberOf(resource, "methods"), memberOf(resource, "resources")];
  for (const [name, method] of Object.entries(isSchema(methods) ? methods : {}))
    if (isSchema(method)) yield describe(name, method, api);
  if (depth < MAX_DEPTH)
    for (const inner of Object.values(isSchema(resources) ? resources : {})) yield* methodsIn(inner, api, depth + 1);
}

function describe(key: string, method: Schema, { document, reader }: Api): ToolDescription {
  const root = textMember(document, "rootUrl") || textMember(document, "baseUrl");
  const name = textMember(method, "id") || key;
  const path = textMember(method, "flatPath") || textMember(method, "path");
  const parameters = memberOf(method, "parameters");
  const [request, response] = [memberOf(method, "request"), memberOf(method, "response")];
  const fields = Object.entries(isSchema(parameters) ? parameters : {}).map(([field, schema]) =>
    reader.field(field, schema, false),
  );
  return {
    host: URL.canParse(root) ? new URL(root).host : textMember(document, "name") || "api",
    operation: name,
    name,
    api: textMember(document, "title") || textMember(document, "name") || "API",
    prose: plainProse(textMember(method, "description")),
    http:
      path === ""
        ? null
        : `${textMember(method, "httpMethod") || "GET"} /${textMember(document, "servicePath")}${path}`.replaceAll(
            "{+",
            "{",
          ),
    parameters: [...fields, ...(request === undefined ? [] : reader.fields(request))],
    result: response === undefined ? NO_RESULT : resultOf(reader.type(response), ""),
    examples: [],
  };
}
