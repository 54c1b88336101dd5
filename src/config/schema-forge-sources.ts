/** The sources of a forge: where the files are, and what the reader of their kind wants to know. */
import { z } from "zod";
import { CONVERSATION_ROLES } from "./conversation-formats.js";
import { TOOL_STYLES, TRAJECTORY_FORMATS } from "./forge-names.js";
import {
  columnName,
  domainName,
  leaf,
  line,
  optional,
  paths,
  section,
  shareOfAll,
  whole,
  word,
  words,
} from "./schema-leaves.js";

const packageName = leaf<{ readonly name: string; readonly version: string }>(
  "a package and its exact version, such as `aws-sdk@2.1693.0`",
  (value) => {
    const [, name, version] = typeof value === "string" ? (PACKAGE.exec(value) ?? []) : [];
    return name === undefined || version === undefined ? null : { name, version };
  },
);
/** As npm names packages; the exact version, since a range is no pin. */
const PACKAGE = /^((?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*)@(\d+\.\d+\.\d+[\w.+-]*)$/;

const integrity = leaf<string>("the package's integrity as in a lock file: `sha512-…`", (value) =>
  typeof value === "string" && /^sha512-[A-Za-z0-9+/]{86}==$/.test(value) ? value : null,
);

/** What every source has. */
const anywhere = {
  paths: optional(paths),
  package: optional(packageName),
  integrity: optional(integrity),
  include: optional(words),
  exclude: optional(words),
  licence: optional(line),
  domain: domainName,
  keep: shareOfAll.prefault("100%"),
};

/** Its keys are the source's own, and not its kind's. */
export const SOURCE_KEYS: ReadonlySet<string> = new Set(["kind", ...Object.keys(anywhere)]);

const of = <const Kind extends string, S extends z.ZodRawShape>(kind: Kind, shape: S) =>
  section(`a source of kind \`${kind}\``, { kind: z.literal(kind), ...anywhere, ...shape });

const styles = leaf<Readonly<Record<string, number>> | "all" | "mixed">(
  `\`mixed\`, \`all\`, or a list of ${TOOL_STYLES.join(", ")}`,
  (value) => {
    if (value === "all" || value === "mixed") return value;
    const known: readonly unknown[] = TOOL_STYLES;
    return Array.isArray(value) && value.length > 0 && value.every((style) => known.includes(style))
      ? Object.fromEntries(value.map((style) => [String(style), 1]))
      : null;
  },
);
const tool = { styles: styles.prefault("mixed") };

export const forgeSourceSchema = z.discriminatedUnion(
  "kind",
  [
    of("aws-sdk", { ...tool, operations: optional(whole(1)) }),
    of("google-apis", { ...tool, versions: word(["newest", "all"]).prefault("newest") }),
    of("openapi", tool),
    of("declarations", { ...tool, host: line, api: line }),
    of("discovery", tool),
    of("tool-lists", { ...tool, host: optional(line) }),
    of("trajectories", {
      format: word(TRAJECTORY_FORMATS),
      columns: z.record(columnName, columnName, "names of columns").prefault({}),
      roles: z.record(columnName, word(CONVERSATION_ROLES), "names of roles").prefault({}),
    }),
    of("code", {}),
    of("documents", { text: columnName.prefault("text"), language: optional(line) }),
    of("warc", { language: optional(line) }),
    of("text", { layout: word(["plain", "mail", "brown"]).prefault("plain"), language: optional(line) }),
  ],
  "a source: keys and values, `kind` among them",
);
