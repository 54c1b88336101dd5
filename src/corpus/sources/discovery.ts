/** The kind `discovery`: Google API discovery documents (developers.google.com/discovery/v1/reference/apis). */
import { plainProse } from "../render/prose.js";
import type { ToolDescription } from "../render/tool.js";
import { NO_RESULT, resultOf } from "../render/tool-result.js";
import { apiDescriptions } from "./api-descriptions.js";
import { isSchema, memberOf, type Schema, SchemaReader, textMember } from "./json-schema.js";

/** Resources within resources. */
const MAX_DEPTH = 16;

export const DISCOVERY = apiDescriptions({
  files: /\.json$/i,
  tools: methodsOf,
  whyNone: () => "the document has no `methods` or `resources` with methods",
});

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
