/** The kind `declarations`: functions and methods with doc comments in TypeScript declarations, such as the clients that API providers publish. */
import type { SourceItem } from "../../forge-document.js";
import { rejection } from "../../read/items.js";
import { plainProse } from "../../render/prose.js";
import type { ToolDescription, ToolField } from "../../render/tool.js";
import { NO_RESULT, resultOf, UNKNOWN_RESULT } from "../../render/tool-result.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { type ToolSettings, toolItems } from "../tool-items.js";
import { gatherUnits } from "../units.js";
import { type DeclaredMember, scanDeclarations } from "./scan.js";
import { DeclaredTypes, parameterProse, proseOf } from "./types.js";

export interface DeclarationsSettings extends ToolSettings {
  /** What tells these tools from others: the API's host, or the package's name. */
  readonly host: string;
  /** The API's name for people. */
  readonly api: string;
}

/** Parameters of the client, not of the call. */
const CLIENT_OPTIONS = /\bRequestOptions\b|\bRequestInit\b|\bAbortSignal\b|\bContext$|=>/;
/** Objects whose fields are the call's parameters. */
const PARAMETER_OBJECT = /^(?:params|body|query|args|options|request|input)$/i;
/** Folders that say how a package is built, not what is in it. */
const BUILD_FOLDERS = /^(?:dist|lib|types?|src|esm|cjs|build|resources|commonjs|browser|node|out)$/;

export const DECLARATIONS: SourceKind<DeclarationsSettings> = {
  units: (files) => gatherUnits(files.filter(({ path }) => path.endsWith(".d.ts"))),
  async *read(unit, files, settings) {
    for (const path of unit.files) yield* readDeclarations(path, files, settings);
  },
};

/** Most files of a package declare no function with a comment; that is nothing to tell. */
async function* readDeclarations(
  path: string,
  files: SourceFiles,
  settings: DeclarationsSettings,
): AsyncGenerator<SourceItem> {
  const text = await files.text(path);
  if (text === null) {
    yield rejection(path, "the file is not valid UTF-8", "");
    return;
  }
  const members = scanDeclarations(text);
  const types = new DeclaredTypes(members);
  const seen = new Set<string>();
  for (const member of members) {
    const prose = plainProse(proseOf(member.doc));
    const name = [...pathWords(path, member.owners), member.name].join(".");
    // Overloads follow each other; the first one is what is documented.
    if (member.parameters === null || prose === "" || seen.has(name)) continue;
    seen.add(name);
    yield* toolItems(describe(member, types, { name, prose, ...settings }), `${path}#${name}`, settings);
  }
}

/** `resources/dns/records.d.ts` with a class `Records` → `dns`, `records`. */
function pathWords(path: string, owners: readonly string[]): string[] {
  const folders = path
    .replace(/(?:\/index)?\.d\.ts$/, "")
    .split("/")
    .filter((word) => !BUILD_FOLDERS.test(word));
  const last = plainWord(folders.at(-1) ?? "");
  return [...folders, ...owners.filter((owner) => plainWord(owner) !== last)];
}

/** Generated clients have a class, and a base of it that holds the methods. */
function plainWord(name: string): string {
  return name
    .replace(/^Base|Resource$/g, "")
    .replace(/[^a-z0-9]/gi, "")
    .toLowerCase();
}

function describe(
  member: DeclaredMember,
  types: DeclaredTypes,
  { name, prose, host, api }: DeclarationsSettings & { readonly name: string; readonly prose: string },
): ToolDescription {
  const said = parameterProse(member.doc);
  const parameters = (member.parameters ?? []).filter(({ type }) => !CLIENT_OPTIONS.test(type));
  const result = types.type(member.type);
  return {
    ...{ host, api, operation: name, name, prose, http: null, examples: [] },
    parameters: parameters.flatMap((parameter): readonly ToolField[] => {
      const field = types.field({ ...parameter, doc: said.get(parameter.name) ?? "" });
      return field.type.kind === "structure" && PARAMETER_OBJECT.test(parameter.name) ? field.type.fields() : [field];
    }),
    result: member.type === "void" ? NO_RESULT : result.kind === "any" ? UNKNOWN_RESULT : resultOf(result, ""),
  };
}
