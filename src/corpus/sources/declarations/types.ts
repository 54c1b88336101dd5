/** Types as TypeScript writes them, as types of tools: through the interfaces of the same file, and no further. */
import { plainProse } from "../../render/prose.js";
import type { ToolField, ToolType } from "../../render/tool.js";
import type { DeclaredMember } from "./scan.js";

/** Unwrapped one within another; deeper than this a type is left open. */
const MAX_DEPTH = 8;
const WRAPPERS =
  /^(?:[\w.]*Promise|Readonly|Partial|Required|NonNullable|Awaited|Response|ReadonlyArray|Array|[\w.]*Page)<(.+)>$/s;
const LISTS = /^(?:ReadonlyArray|Array|[\w.]*Page)</;

export class DeclaredTypes {
  private readonly fieldsByOwner = new Map<string, DeclaredMember[]>();

  constructor(members: readonly DeclaredMember[]) {
    for (const member of members) {
      if (member.parameters !== null || member.owners.length === 0) continue;
      const owner = member.owners.join(".");
      this.fieldsByOwner.set(owner, [...(this.fieldsByOwner.get(owner) ?? []), member]);
    }
  }

  field({ name, type, doc, optional }: Pick<DeclaredMember, "name" | "type" | "doc" | "optional">): ToolField {
    return { name, type: this.type(type), required: !optional, prose: plainProse(proseOf(doc)) };
  }

  type(written: string, depth = 0): ToolType {
    const type = withoutNothing(written);
    if (depth > MAX_DEPTH || type === "") return { kind: "any" };
    const literals = type.split("|").map((part) => /^\s*(["'])([^"']*)\1\s*$/.exec(part)?.[2]);
    if (literals.every((literal) => literal !== undefined))
      return { kind: "enum", values: literals.filter((literal) => literal !== undefined) };
    if (/^(?:string|number|boolean)$/.test(type)) return { kind: type as "string" | "number" | "boolean" };
    if (/^(?:Date)$/.test(type)) return { kind: "timestamp" };
    if (/^(?:Buffer|Uint8Array|Blob|ArrayBuffer|Uploadable)$/.test(type)) return { kind: "binary" };
    const item = /^(?:readonly\s+)?([\w.$]+|\(.+\)|[\w.]+<.+>)\[\]$/s.exec(type)?.[1];
    if (item !== undefined) return { kind: "list", item: this.type(item.replace(/^\((.+)\)$/s, "$1"), depth + 1) };
    const inner = WRAPPERS.exec(type)?.[1];
    if (inner !== undefined) {
      const wrapped = this.type(inner, depth + 1);
      return LISTS.test(type) ? { kind: "list", item: wrapped } : wrapped;
    }
    const value = /^(?:Record<string,\s*(.+)>|\{\s*\[\w+:\s*string\]:\s*(.+?);?\s*\})$/s.exec(type);
    if (value !== null) return { kind: "map", item: this.type(value[1] ?? value[2] ?? "", depth + 1) };
    return this.structure(type);
  }

  private structure(name: string): ToolType {
    // A name may be said with or without the namespace around it.
    const owner = this.fieldsByOwner.has(name)
      ? name
      : [...this.fieldsByOwner.keys()].find((each) => each.endsWith(`.${name}`));
    const members = owner === undefined ? undefined : this.fieldsByOwner.get(owner);
    if (members === undefined) return { kind: "any" };
    return {
      kind: "structure",
      name: name.split(".").at(-1) ?? name,
      fields: () => members.map((member) => this.field(member)),
    };
  }
}

/** Without `null` and `undefined` among its alternatives. */
function withoutNothing(type: string): string {
  return type
    .trim()
    .replace(/^\|\s*/, "")
    .replace(/\s*\|\s*(?:null|undefined)\b/g, "")
    .replace(/^(?:null|undefined)\s*\|\s*/, "");
}

/** A doc comment up to its first tag. */
export function proseOf(doc: string): string {
  const lines = doc.split("\n");
  const end = lines.findIndex((line) => /^\s*@\w/.test(line));
  return lines
    .slice(0, end === -1 ? undefined : end)
    .join("\n")
    .trim();
}

/** What `@param name - text` says of each parameter. */
export function parameterProse(doc: string): ReadonlyMap<string, string> {
  const tags = doc.split(/^\s*(?=@\w)/m).flatMap((tag) => {
    const [, name, text] = /^@param\s+(?:\{[^}]*\}\s*)?\[?([\w$.]+)[^\s]*\s*[-–:]?\s*([\s\S]*)$/.exec(tag) ?? [];
    return name === undefined ? [] : [[name, text ?? ""] as const];
  });
  return new Map(tags);
}
