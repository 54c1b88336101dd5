/** One operation of an API, or one tool, as its documentation describes it, whatever format that came in. */

/** The type of a value in requests and results. Structures may lead back to themselves, so their fields are asked for. */
export type ToolType =
  | { readonly kind: "string" | "number" | "integer" | "boolean" | "binary" | "timestamp" | "any" }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "list" | "map"; readonly item: ToolType }
  | { readonly kind: "structure"; readonly name: string | null; readonly fields: () => readonly ToolField[] };

export interface ToolField {
  readonly name: string;
  readonly type: ToolType;
  readonly required: boolean;
  /** Plain text without markup, paragraphs one a line; "" where undocumented. */
  readonly prose: string;
}

/** What comes back: not said, nothing, an object, or one value that is none, such as a list. */
export type ToolResult =
  | { readonly kind: "unknown" }
  | { readonly kind: "nothing" }
  | { readonly kind: "object"; readonly fields: readonly ToolField[] }
  | { readonly kind: "value"; readonly type: ToolType; readonly prose: string };

export interface ToolExample {
  readonly title: string;
  readonly description: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Null where the source shows no result. */
  readonly output: unknown;
}

export interface ToolDescription {
  /** What tells APIs apart: `ec2.amazonaws.com`, `gmail.googleapis.com`, a package's or tool list's name. */
  readonly host: string;
  /** What tells the operations of a host apart: `RunInstances`, `GET /repos/{owner}/{repo}`. */
  readonly operation: string;
  /** The name by which a caller calls it: `EC2.runInstances`. */
  readonly name: string;
  /** The API's name for people: `Amazon Elastic Compute Cloud`. */
  readonly api: string;
  /** Plain text without markup, paragraphs one a line; "" where undocumented. */
  readonly prose: string;
  /** `POST /clusters`; null where there is no HTTP or it says nothing. */
  readonly http: string | null;
  readonly parameters: readonly ToolField[];
  readonly result: ToolResult;
  readonly examples: readonly ToolExample[];
}
