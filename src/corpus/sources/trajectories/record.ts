/** What the readers of trajectories share: a record's documents, and how a conversation becomes one. */
import { type Conversation, type Fields, isFields, Unusable } from "../../conversations/conversation.js";
import type { FoundDocument, SourceItem } from "../../forge-document.js";
import { documentItem, rejection } from "../../read/items.js";
import { renderTrajectory } from "../../render/trajectory.js";

/** What a record is made into; the reader adds where it stands. */
export type RecordDocument = Omit<FoundDocument, "origin">;

/** A record's documents; throws `Unusable` for a record that has none. */
export type RecordParser = (record: unknown) => readonly RecordDocument[];

/** The items of one record: its documents, or the reason why it has none. */
export function* itemsOf(record: unknown, where: string, parse: RecordParser): Generator<SourceItem> {
  let documents: readonly RecordDocument[];
  try {
    documents = parse(record);
  } catch (error) {
    // Values nested deeper than the stack end in a RangeError of the engine.
    if (!(error instanceof Unusable || error instanceof RangeError)) throw error;
    yield rejection(where, error instanceof Unusable ? error.message : "values nested too deep", record);
    return;
  }
  for (const [index, document] of documents.entries()) {
    const origin = documents.length === 1 ? where : `${where}#${index + 1}`;
    yield documentItem({ ...licenceOf(record), ...document, origin }, record);
  }
}

export function conversationDocument(conversation: Conversation): RecordDocument {
  const text = renderTrajectory(conversation);
  if (text === "") throw new Unusable("nobody says anything");
  return { text, form: "trajectory" };
}

export function fieldsOf(value: unknown, what: string): Fields {
  if (!isFields(value)) throw new Unusable(`${what} is not an object`);
  return value;
}

/** The record's own word on its licence; public data sets spell it both ways. */
function licenceOf(record: unknown): { licence?: string } {
  if (!isFields(record)) return {};
  const licence = record["licence"] ?? record["license"];
  return typeof licence === "string" && licence.trim() !== "" ? { licence } : {};
}
