/** One service of the aws-sdk package: its declarations (prose), model (HTTP) and worked examples, joined by operation. */
import { cleanProse, type Declarations, type Operation, parseDeclarations } from "./declarations.js";

export interface Example {
  readonly title: string;
  readonly description: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly output: Readonly<Record<string, unknown>>;
}

export interface ServiceOperation extends Operation {
  /** As the service's own documents write it: `CreateCluster`. */
  readonly title: string;
  /** `POST /clusters`, or null where the protocol has no path of its own for each operation. */
  readonly http: string | null;
  readonly examples: readonly Example[];
}

export interface Service {
  /** The client's name, as in `new AWS.EKS()`. */
  readonly id: string;
  readonly host: string;
  readonly fullName: string;
  readonly shapes: Declarations["shapes"];
  readonly operations: readonly ServiceOperation[];
}

interface Model {
  readonly metadata?: { readonly serviceFullName?: string; readonly endpointPrefix?: string };
  readonly operations?: Readonly<
    Record<string, { readonly http?: { readonly method?: string; readonly requestUri?: string } }>
  >;
}

interface Examples {
  readonly examples?: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
}

/** What a service's files hold: its client, the declarations beside it, its newest model, and the examples beside that, where there are any. */
export interface ServiceFiles {
  readonly client: string;
  readonly declarations: string;
  readonly model: string;
  readonly examples: string | null;
}

/** The model that a client uses in the newest of its versions, as `apis/eks-2017-11-01`; null where it names none. */
export function newestModel(client: string): string | null {
  const models = [...client.matchAll(/require\('\.\.\/(apis\/[\w.-]+)\.min\.json'\)/g)].map(([, path = ""]) => path);
  return models.sort().at(-1) ?? null;
}

/** The service behind a client; operations without prose are left out. @throws SyntaxError where model or examples are not JSON. */
export function readService({ client, declarations, model, examples }: ServiceFiles): Service | null {
  const id = /module\.exports = AWS\.(\w+);/.exec(client)?.[1];
  if (id === undefined) return null;
  const { metadata = {}, operations: modelled = {} } = JSON.parse(model) as Model;
  const { examples: worked = {} } = JSON.parse(examples ?? "{}") as Examples;
  const { operations, shapes } = parseDeclarations(declarations);
  const joined = Object.entries(modelled).flatMap(([title, { http }]) => {
    const operation = operations.get(title.charAt(0).toLowerCase() + title.slice(1));
    if (operation === undefined || operation.prose === "") return [];
    const path =
      http?.requestUri === undefined || http.requestUri === "/" ? null : `${http.method ?? "POST"} ${http.requestUri}`;
    return [{ ...operation, title, http: path, examples: (worked[title] ?? []).map(readExample) }];
  });
  const host = `${metadata.endpointPrefix ?? id.toLowerCase()}.amazonaws.com`;
  return { id, host, fullName: metadata.serviceFullName ?? id, shapes, operations: joined };
}

function readExample(raw: Readonly<Record<string, unknown>>): Example {
  const text = (value: unknown): string => (typeof value === "string" ? cleanProse(value).replaceAll("\n", " ") : "");
  const object = (value: unknown): Readonly<Record<string, unknown>> =>
    value !== null && typeof value === "object" ? (value as Readonly<Record<string, unknown>>) : {};
  return {
    title: text(raw["title"]),
    description: text(raw["description"]),
    input: object(raw["input"]),
    output: object(raw["output"]),
  };
}
