/**
 * Where the columns of ids and of loss mask lie among the buffers of an Arrow record batch, whatever other columns stand around them.
 * A record batch lists its buffers in the order of the schema's fields, parents before children, so their positions follow from the types.
 * Format: Schema.fbs and "Recordbatch message" of https://arrow.apache.org/docs/format/Columnar.html
 */
import { UserError } from "../../base/errors.js";
import type { FlatTable } from "./shard-flatbuffer.js";

export type ValueType = "bool" | "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64";

/** A top-level column of lists. */
export interface ListColumn {
  /** Whether the list's offsets have 64 bits. */
  readonly large: boolean;
  readonly value: ValueType;
  /** Number of the list's node; its values' node follows. */
  readonly node: number;
  /** Number of the list's first buffer, not counting those of `views`. */
  readonly buffer: number;
  /** Columns of view types before it, each of which has a varying number of buffers. */
  readonly views: number;
}

export interface ShardLayout {
  readonly ids: ListColumn;
  readonly mask: ListColumn | null;
  /** Names of all columns. */
  readonly columns: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Numbers of `enum Type` in Schema.fbs. */
const TYPE = {
  null: 1,
  int: 2,
  binary: 4,
  utf8: 5,
  bool: 6,
  list: 12,
  struct: 13,
  union: 14,
  fixedSizeList: 16,
  map: 17,
} as const;
const LATER = {
  largeBinary: 19,
  largeUtf8: 20,
  largeList: 21,
  runEnd: 22,
  binaryView: 23,
  utf8View: 24,
  listView: 25,
  largeListView: 26,
} as const;
const LAST_TYPE = LATER.largeListView;
/** Deeper or larger schemas than any real one; a damaged schema could otherwise be walked for ever. */
const DEEPEST_FIELD = 64;
const MOST_FIELDS = 10_000;
/** Metadata versions of Message.fbs before V5 give unions a validity bitmap. */
const VERSION_5 = 4;

interface Extent {
  nodes: number;
  buffers: number;
  views: number;
  fields: number;
}

/**
 * Reads a schema.
 * @throws UserError when there is no usable `input_ids`; RangeError when the bytes are damaged.
 */
export function readLayout(schema: FlatTable, version: number, path: string): ShardLayout {
  if (schema.int16(0) !== 0)
    throw new UserError({
      what: "this file has big-endian values",
      where: path,
      hint: "write it on a little-endian machine",
    });
  const extent: Extent = { nodes: 0, buffers: 0, views: 0, fields: 0 };
  const columns: string[] = [];
  let ids: ListColumn | null = null;
  let mask: ListColumn | null = null;
  for (const field of schema.tables(1)) {
    const name = field.text(0) ?? "";
    const place = { node: extent.nodes, buffer: extent.buffers, views: extent.views };
    measure(field, version, extent, 0);
    if (name === "input_ids" || name === "loss_mask") {
      if (columns.includes(name)) throw new UserError({ what: `this file has two columns named ${name}`, where: path });
      const column = { ...place, ...listType(field, name, path) };
      if (name === "input_ids") ids = column;
      else mask = column;
    }
    columns.push(name);
  }
  if (ids === null)
    throw new UserError({
      what: "this file has no column of token ids",
      where: path,
      expected: "a column input_ids of lists of integers",
      got:
        columns.length === 0
          ? "no columns"
          : `columns ${columns
              .slice(0, 20)
              .map((name) => JSON.stringify(name.slice(0, 60)))
              .join(", ")}`,
      hint: "tokenize text with `hephaestus prepare`",
    });
  if (ids.value === "bool") throw wrongType("input_ids", path, "lists of booleans");
  return { ids, mask, columns, metadata: readMetadata(schema) };
}

function readMetadata(schema: FlatTable): Map<string, string> {
  const metadata = new Map<string, string>();
  for (const pair of schema.tables(2)) metadata.set(pair.text(0) ?? "", pair.text(1) ?? "");
  return metadata;
}

function listType(field: FlatTable, name: string, path: string): { large: boolean; value: ValueType } {
  const type = field.uint8(2);
  const [item] = field.tables(5);
  if ((type !== TYPE.list && type !== LATER.largeList) || field.table(4) !== null || item === undefined)
    throw wrongType(
      name,
      path,
      `a column of Arrow type ${type}${field.table(4) === null ? "" : ", dictionary-encoded"}`,
    );
  const value = valueType(item);
  if (value === null || item.table(4) !== null) throw wrongType(name, path, `lists of Arrow type ${item.uint8(2)}`);
  return { large: type === LATER.largeList, value };
}

function valueType(item: FlatTable): ValueType | null {
  if (item.uint8(2) === TYPE.bool) return "bool";
  const int = item.uint8(2) === TYPE.int ? item.table(3) : null;
  if (int === null) return null;
  const signed = int.uint8(1) !== 0;
  switch (int.int32(0)) {
    case 8:
      return signed ? "int8" : "uint8";
    case 16:
      return signed ? "int16" : "uint16";
    case 32:
      return signed ? "int32" : "uint32";
    case 64:
      return signed ? "int64" : "uint64";
    default:
      return null;
  }
}

function wrongType(name: string, path: string, got: string): UserError {
  return new UserError({
    what: `the column ${name} has a type that is not read`,
    where: path,
    expected: "lists (or large lists) of integers",
    got,
  });
}

/** Adds a field's nodes and buffers, and its children's, to `extent`. */
function measure(field: FlatTable, version: number, extent: Extent, depth: number): void {
  const type = field.uint8(2);
  if (depth > DEEPEST_FIELD || ++extent.fields > MOST_FIELDS) throw new RangeError("the schema has too many fields");
  if (type < 1 || type > LAST_TYPE) throw new RangeError(`a field has the unknown type ${type}`);
  extent.nodes++;
  if (field.table(4) !== null) {
    extent.buffers += 2; // a dictionary's batches hold only row numbers
    return;
  }
  extent.buffers += buffersOf(field, type, version);
  if (type === LATER.binaryView || type === LATER.utf8View) extent.views++;
  for (const child of field.tables(5)) measure(child, version, extent, depth + 1);
}

function buffersOf(field: FlatTable, type: number, version: number): number {
  switch (type) {
    case TYPE.null:
    case LATER.runEnd:
      return 0;
    case TYPE.struct:
    case TYPE.fixedSizeList:
      return 1;
    case TYPE.union: {
      const dense = field.table(3)?.int16(0) === 1;
      return (dense ? 2 : 1) + (version < VERSION_5 ? 1 : 0);
    }
    case TYPE.binary:
    case TYPE.utf8:
    case LATER.largeBinary:
    case LATER.largeUtf8:
    case LATER.listView:
    case LATER.largeListView:
      return 3;
    default:
      return 2;
  }
}
