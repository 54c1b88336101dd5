/** One service of the aws-sdk package: its declarations (prose), model (HTTP) and worked examples, joined by operation. */
import { cleanProse, type Declarations, type Operation, parseDeclarations } from "./aws-declarations.js";

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
  readonly fullName: string;
  readonly shapes: Declarations["shapes"];
  readonly operations: readonly ServiceOperation[];
}

/** Which files of the package describe services. */
export const AWS_FILES = /^clients\/[^/]+\.(?:d\.ts|js)$|^apis\/[^/]+\.(?:min|examples)\.json$/;

interface Model {
  readonly metadata?: { readonly serviceFullName?: string; readonly serviceAbbreviation?: string };
  readonly operations?: Readonly<
    Record<string, { readonly http?: { readonly method?: string; readonly requestUri?: string } }>
  >;
}

interface Examples {
  readonly examples?: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
}

/** The keys of all clients in the package, such as `eks`, sorted. */
export function serviceKeys(files: ReadonlyMap<string, string>): string[] {
  const declared = [...files.keys()].flatMap((path) => /^clients\/(.+)\.d\.ts$/.exec(path)?.[1] ?? []);
  return declared.filter((key) => key !== "all").sort();
}

/** The service behind a client, in the newest of its versions; null where the package has no model of it. */
export function readService(files: ReadonlyMap<string, string>, key: string): Service | null {
  const client = files.get(`clients/${key}.js`) ?? "";
  const version = [...client.matchAll(/require\('\.\.\/(apis\/[^']+)\.min\.json'\)/g)]
    .map(([, path]) => path)
    .sort()
    .at(-1);
  const id = /module\.exports = AWS\.(\w+);/.exec(client)?.[1];
  const modelText = files.get(`${version}.min.json`);
  const declared = files.get(`clients/${key}.d.ts`);
  if (id === undefined || modelText === undefined || declared === undefined) return null;
  const model = JSON.parse(modelText) as Model;
  const { examples = {} } = JSON.parse(files.get(`${version}.examples.json`) ?? "{}") as Examples;
  const { operations, shapes } = parseDeclarations(declared);
  const joined = Object.entries(model.operations ?? {}).flatMap(([title, { http }]) => {
    const operation = operations.get(title.charAt(0).toLowerCase() + title.slice(1));
    if (operation === undefined || operation.prose === "") return [];
    const path =
      http?.requestUri === undefined || http.requestUri === "/" ? null : `${http.method ?? "POST"} ${http.requestUri}`;
    return [{ ...operation, title, http: path, examples: (examples[title] ?? []).map(readExample) }];
  });
  const fullName = model.metadata?.serviceFullName ?? id;
  return { id, fullName, shapes, operations: joined };
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
