/** The kind `trajectories`: conversations with tools, worked calls and exchanges, in the formats that public collections come in. */
import { CONVERSATION_FORMATS, type ConversationFormat } from "../../../config/conversation-formats.js";
import type { TRAJECTORY_FORMATS } from "../../../config/forge-names.js";
import { type Role, Unusable } from "../../conversations/conversation.js";
import { type ConversationLayout, parseConversation, recordColumns } from "../../conversations/formats.js";
import type { SourceItem } from "../../forge-document.js";
import { uncompressedName } from "../../read/decompress.js";
import { rejection } from "../../read/items.js";
import { holdsRecords, readValues, type WantedColumns } from "../../read/values.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { fileUnits } from "../units.js";
import { apiBankDialogue } from "./api-bank.js";
import { parseApiBench } from "./apibench.js";
import { parseHttpExample } from "./http-examples.js";
import { conversationDocument, itemsOf, type RecordParser } from "./record.js";
import { parseToolBench } from "./toolbench.js";

export type TrajectoryFormat = (typeof TRAJECTORY_FORMATS)[number];

export interface TrajectoriesSettings {
  readonly format: TrajectoryFormat;
  /** The records' names for columns, where they are not the format's own; for the formats of conversations only. */
  readonly columns?: Readonly<Record<string, string>>;
  /** Roles by the records' names, beside the usual ones; for the formats of conversations only. */
  readonly roles?: Readonly<Record<string, Role>>;
}

const PARSERS: Readonly<Record<Exclude<TrajectoryFormat, ConversationFormat | "api-bank">, RecordParser>> = {
  toolbench: parseToolBench,
  apibench: parseApiBench,
  "http-examples": parseHttpExample,
};
const NO_COLUMNS: WantedColumns = { all: [], required: [] };

/** A file is a unit. */
export const TRAJECTORIES: SourceKind<TrajectoriesSettings> = {
  units: (files, { format }) => fileUnits(files, (path) => isWanted(path, format)),
  read: ({ files: [path] }, files, settings) =>
    settings.format === "api-bank" ? readDialogue(path, files) : readRecords(path, files, settings),
};

function isWanted(path: string, format: TrajectoryFormat): boolean {
  const name = uncompressedName(path);
  if (format === "http-examples" && name.endsWith(".har")) return true;
  return holdsRecords(path) && (isConversation(format) || !name.endsWith(".parquet"));
}

function isConversation(format: TrajectoryFormat): format is ConversationFormat {
  return CONVERSATION_FORMATS.some((one) => one === format);
}

async function* readRecords(
  path: string,
  files: SourceFiles,
  { format, columns = {}, roles = {} }: TrajectoriesSettings,
): AsyncGenerator<SourceItem> {
  if (format === "api-bank") throw new RangeError("an API-Bank file is one dialogue");
  const layout = isConversation(format) ? { format, columns, roles } : null;
  const parse = layout === null ? PARSERS[format as keyof typeof PARSERS] : conversationParser(layout);
  for await (const found of readValues(path, files, layout === null ? NO_COLUMNS : conversationColumns(layout)))
    if ("rejected" in found) yield found;
    else yield* itemsOf(found.value, found.where, parse);
}

function conversationParser(layout: ConversationLayout): RecordParser {
  return (record) => {
    const parsed = parseConversation(record, layout);
    if ("why" in parsed) throw new Unusable(parsed.why);
    return [conversationDocument(parsed.conversation)];
  };
}

function conversationColumns(layout: ConversationLayout): WantedColumns {
  const { all, required } = recordColumns(layout);
  return { all: [...all, "licence", "license"], required };
}

/** The most lines of a dialogue: they are held in memory together. */
const MAX_DIALOGUE = 10_000;

/** A dialogue with a line that cannot be read is no dialogue. */
async function* readDialogue(path: string, files: SourceFiles): AsyncGenerator<SourceItem> {
  const lines: unknown[] = [];
  for await (const found of readValues(path, files, NO_COLUMNS)) {
    if ("rejected" in found) {
      yield found;
      return;
    }
    lines.push(found.value);
    if (lines.length > MAX_DIALOGUE) {
      yield rejection(path, `the dialogue has more than ${MAX_DIALOGUE} lines`, lines[0]);
      return;
    }
  }
  yield* itemsOf(lines, path, () => [conversationDocument(apiBankDialogue(lines))]);
}
