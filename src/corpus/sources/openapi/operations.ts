/** The operations of an OpenAPI document (2, 3.0, 3.1: spec.openapis.org) as descriptions of tools. */
import { plainProse } from "../../render/prose.js";
import type { ToolDescription, ToolExample, ToolField, ToolResult } from "../../render/tool.js";
import { NO_RESULT, resultOf, UNKNOWN_RESULT } from "../../render/tool-result.js";
import { isSchema, listOf, memberOf, type Schema, SchemaReader, textMember } from "../json-schema.js";
import { partAt } from "./document.js";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;
const JSON_MEDIA = /^application\/(?:[\w.-]+\+)?json\b/;

/** Whether a value says that it is such a document. */
export function isOpenApi(value: unknown): boolean {
  return /^[23]\./.test(`${memberOf(value, "openapi") ?? memberOf(value, "swagger") ?? ""}`);
}

/** Every operation, in the order of the document. Parts that are not understood are left out of an operation, never the operation. */
export function* operationsOf(document: unknown): Generator<ToolDescription> {
  const reader = new OperationReader(document);
  const paths = memberOf(document, "paths");
  for (const [path, item] of Object.entries(isSchema(paths) ? paths : {})) {
    const followed = reader.follow(item);
    for (const method of METHODS) {
      const operation = memberOf(followed, method);
      if (isSchema(operation)) yield reader.describe(path, method, operation, listOf(followed, "parameters"));
    }
  }
}

interface Parameter {
  readonly place: string;
  readonly field: ToolField;
  readonly schema: unknown;
}

class OperationReader {
  private readonly schemas: SchemaReader;
  private readonly host: string;
  private readonly api: string;

  constructor(private readonly document: unknown) {
    this.schemas = new SchemaReader((reference) => partAt(document, reference));
    this.api = textMember(memberOf(document, "info"), "title").trim() || "API";
    this.host =
      hostOf(document) ??
      (this.api
        .toLowerCase()
        .replace(/[^\p{L}\p{N}.]+/gu, "-")
        .replace(/^-+|-+$/g, "") ||
        "api");
  }

  follow(value: unknown): unknown {
    const reference = textMember(value, "$ref");
    return reference === "" ? value : partAt(this.document, reference);
  }

  describe(path: string, method: string, operation: Schema, shared: readonly unknown[]): ToolDescription {
    const http = `${method.toUpperCase()} ${path}`;
    const prose = [textMember(operation, "summary"), textMember(operation, "description")].filter(
      (part) => part.trim() !== "",
    );
    const own = this.parameters([...shared, ...listOf(operation, "parameters")]);
    const body = this.bodySchema(operation, own);
    const response = this.response(operation);
    return {
      host: this.host,
      operation: http,
      name: textMember(operation, "operationId").trim() || nameOf(method, path),
      api: this.api,
      // A summary that begins the description is said once.
      prose: plainProse(prose[1]?.startsWith(prose[0] ?? "") ? prose[1] : prose.join("\n\n")),
      http,
      parameters: [
        ...own.filter(({ place }) => place !== "body").map(({ field }) => field),
        ...this.bodyFields(body.schema),
      ],
      result: response.result,
      examples: this.examples(operation, body.media, response.media),
    };
  }

  /** Later ones replace earlier ones of the same name and place. */
  private parameters(given: readonly unknown[]): Parameter[] {
    const parameters = new Map<string, Parameter>();
    for (const each of given) {
      const parameter = this.follow(each);
      const [name, place] = [textMember(parameter, "name"), textMember(parameter, "in")];
      if (name === "" || place === "" || !isSchema(parameter)) continue;
      const schema = memberOf(parameter, "schema") ?? this.mediaOf(parameter)?.["schema"] ?? parameter;
      const field = this.schemas.field(name, schema, memberOf(parameter, "required") === true);
      const prose = textMember(parameter, "description");
      parameters.set(`${place} ${name}`, {
        place,
        schema,
        field: prose === "" ? field : { ...field, prose: plainProse(prose) },
      });
    }
    return [...parameters.values()];
  }

  private bodySchema(operation: Schema, parameters: readonly Parameter[]): { schema: unknown; media: Schema | null } {
    const body = parameters.find(({ place }) => place === "body");
    if (body !== undefined) return { schema: body.schema, media: null };
    const media = this.mediaOf(this.follow(memberOf(operation, "requestBody")));
    return { schema: media?.["schema"], media };
  }

  /** An object's fields stand beside the other parameters, as callers give them; anything else is one field. */
  private bodyFields(schema: unknown): readonly ToolField[] {
    if (schema === undefined) return [];
    const type = this.schemas.type(schema);
    return type.kind === "structure" ? type.fields() : [this.schemas.field("body", schema, true)];
  }

  private response(operation: Schema): { result: ToolResult; media: Schema | null } {
    const responses = memberOf(operation, "responses");
    const code = Object.keys(isSchema(responses) ? responses : {})
      .filter((each) => /^2(?:\d\d|XX)$/i.test(each))
      .sort()[0];
    if (code === undefined) return { result: UNKNOWN_RESULT, media: null };
    const response = this.follow(memberOf(responses, code));
    const media = this.mediaOf(response);
    const schema = memberOf(response, "schema") ?? media?.["schema"];
    if (schema === undefined)
      return { result: memberOf(response, "content") === undefined ? NO_RESULT : UNKNOWN_RESULT, media };
    return { result: resultOf(this.schemas.type(schema), plainProse(textMember(response, "description"))), media };
  }

  /** The JSON of a body, a response or a parameter, else what comes first. */
  private mediaOf(value: unknown): Schema | null {
    const content = memberOf(value, "content");
    const kinds = Object.entries(isSchema(content) ? content : {});
    const [, media] = kinds.find(([kind]) => JSON_MEDIA.test(kind)) ?? kinds[0] ?? [];
    return isSchema(media) ? media : null;
  }

  private examples(operation: Schema, request: Schema | null, response: Schema | null): ToolExample[] {
    const input = this.exampleOf(request);
    if (!isSchema(input)) return [];
    return [
      { title: textMember(operation, "summary"), description: "", input, output: this.exampleOf(response) ?? null },
    ];
  }

  private exampleOf(media: Schema | null): unknown {
    const named = memberOf(media, "examples");
    const first = isSchema(named) ? this.follow(Object.values(named)[0]) : undefined;
    return memberOf(media, "example") ?? memberOf(first, "value");
  }
}

function hostOf(document: unknown): string | null {
  const host = textMember(document, "host").trim();
  if (host !== "") return host;
  const url = textMember(listOf(document, "servers")[0], "url");
  return URL.canParse(url) && new URL(url).host !== "" ? new URL(url).host : null;
}

/** `get /pets/{id}` → `getPetsId`. */
function nameOf(method: string, path: string): string {
  const words = path.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}
