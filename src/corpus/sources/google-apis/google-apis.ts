/** The kind `google-apis`: the npm package googleapis, whose generated declarations hold the documentation of every Google API. */
import type { SourceItem } from "../../forge-document.js";
import { rejection } from "../../read/items.js";
import { plainProse } from "../../render/prose.js";
import type { ToolDescription, ToolField, ToolResult, ToolType } from "../../render/tool.js";
import { resultOf, UNKNOWN_RESULT } from "../../render/tool-result.js";
import type { FileEntry, SourceFiles, SourceKind, Unit } from "../../source-kind.js";
import { type ToolSettings, toolItems } from "../tool-items.js";
import { type Address, parseAddresses } from "./addresses.js";
import { type Declarations, type DeclaredMember, type DeclaredMethod, parseDeclarations } from "./declarations.js";

export interface GoogleApisSettings extends ToolSettings {
  /** Of an API with several versions, only the newest stable one (by default), or all. */
  readonly versions?: "newest" | "all";
}

const FILE = /(?:^|\/)apis\/(\w+)\/(\w+)\.d\.ts$/;

/** A unit is one version of one API: its declarations and, where it is there, its client. */
export const GOOGLE_APIS: SourceKind<GoogleApisSettings> = {
  units(files, { versions = "newest" }) {
    const sizes = new Map(files.map(({ path, bytes }) => [path, bytes]));
    const apis = new Map<string, { version: string; file: FileEntry }[]>();
    for (const file of files) {
      const [, api, version] = FILE.exec(file.path) ?? [];
      if (api === undefined || version === undefined || version === "index") continue;
      apis.set(api, [...(apis.get(api) ?? []), { version, file }]);
    }
    return [...apis].flatMap(([api, found]) => {
      const chosen =
        versions === "all"
          ? found
          : [found.reduce((best, each) => (isNewer(each.version, best.version) ? each : best))];
      return chosen.map(({ version, file }) => unitOf(`${api} ${version}`, file, sizes));
    });
  },
  read,
};

function unitOf(name: string, { path, bytes }: FileEntry, sizes: ReadonlyMap<string, number>): Unit {
  const client = path.replace(/\.d\.ts$/, ".js");
  const size = sizes.get(client);
  return { name, files: size === undefined ? [path] : [path, client], bytes: bytes + (size ?? 0) };
}

/** `v1` before `v1beta2` before `v1alpha`; `v2` before `v1`; names without a number, such as `alpha`, last. */
function isNewer(version: string, than: string): boolean {
  const [a, b] = [rankOf(version), rankOf(than)];
  const differing = a.findIndex((part, index) => part !== b[index]);
  return differing !== -1 && a[differing] > b[differing];
}

function rankOf(version: string): number[] {
  const [, major, minor, state, number] = /^v(\d+)(?:_(\d+))?(?:p\d+)?(alpha|beta)?(\d*)/.exec(version) ?? [];
  if (major === undefined) return [0, 0, 0, 0];
  // Stable versions of any number are newer than previews: nobody calls those.
  return [state === undefined ? 2 : 1, Number(major), Number(minor ?? 0), Number(number || 0)];
}

async function* read(
  { files: [path, client] }: Unit,
  files: SourceFiles,
  settings: GoogleApisSettings,
): AsyncGenerator<SourceItem> {
  const text = await files.text(path);
  const code = client === undefined ? "" : await files.text(client);
  if (text === null || code === null) {
    yield rejection(path, "the file is not valid UTF-8", "");
    return;
  }
  const declared = parseDeclarations(text);
  if (declared.methods.length === 0) {
    yield rejection(path, "no methods were found in the declarations", text);
    return;
  }
  const addresses = parseAddresses(code);
  const [, api = ""] = FILE.exec(path) ?? [];
  for (const method of declared.methods) {
    const address = addresses.get(`${method.resource}.${method.name}`) ?? null;
    const tool = describe(method, declared, { api, address });
    yield* toolItems(tool, `${path}#${tool.name}`, settings);
  }
}

interface Place {
  readonly api: string;
  readonly address: Address | null;
}

/** Parameters that every Google API has, and that belong to the client. */
const STANDARD: ReadonlySet<string> = new Set(["auth", "media"]);

function describe(
  method: DeclaredMethod,
  { title, interfaces }: Declarations,
  { api, address }: Place,
): ToolDescription {
  const types = new TypeReader(interfaces);
  const parameters = interfaces.get(method.parameters ?? "") ?? [];
  const required = new Set(address?.required ?? []);
  const resource = method.resource.split("$").map((word) => word.charAt(0).toLowerCase() + word.slice(1));
  const name = [api, ...resource, method.name].join(".");
  return {
    host: address?.host ?? `${api}.googleapis.com`,
    // Paths of many methods differ only by what stands in `{name}`; the method's own name tells them apart, in every version.
    operation: name,
    name,
    api: title ?? api,
    prose: plainProse(method.prose),
    http: address?.http ?? null,
    parameters: parameters
      .filter((member) => !STANDARD.has(member.name))
      .map((member) => ({ ...types.field(member), ...(required.has(member.name) ? { required: true } : {}) })),
    result: method.result === null ? UNKNOWN_RESULT : types.result(method.result),
    examples: [],
  };
}

/** Resolves type expressions through the file's interfaces. */
class TypeReader {
  constructor(private readonly interfaces: ReadonlyMap<string, readonly DeclaredMember[]>) {}

  /** What documents say first of a member, `Required.`, is its place in the parameters, not its prose. */
  field({ name, type, prose }: DeclaredMember): ToolField {
    const plain = plainProse(prose);
    const required = /^Required\.\s*/.exec(plain);
    return {
      name,
      type: this.type(type),
      required: required !== null,
      prose: required === null ? plain : plain.slice(required[0].length),
    };
  }

  result(type: string): ToolResult {
    const resolved = this.type(type);
    return resolved.kind === "any" ? UNKNOWN_RESULT : resultOf(resolved, "");
  }

  private type(expression: string): ToolType {
    if (expression.endsWith("[]")) return { kind: "list", item: this.type(expression.slice(0, -2)) };
    const value = /^\{ \[key: string\]: (.+?);? \}$/.exec(expression)?.[1];
    if (value !== undefined) return { kind: "map", item: this.type(value) };
    if (/^'[^']*'(?: \| '[^']*')*$/.test(expression))
      return { kind: "enum", values: [...expression.matchAll(/'([^']*)'/g)].map(([, literal = ""]) => literal) };
    if (expression === "string" || expression === "number" || expression === "boolean") return { kind: expression };
    const members = this.interfaces.get(expression);
    if (members === undefined) return { kind: "any" };
    return {
      kind: "structure",
      name: expression.replace(/^Schema\$/, ""),
      fields: () => members.map((member) => this.field(member)),
    };
  }
}
