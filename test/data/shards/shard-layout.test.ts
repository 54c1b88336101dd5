/** Schemas and record batches made by Arrow's own encoders, in order and not. */
import * as arrow from "apache-arrow";
import { BufferRegion, FieldNode, Message, RecordBatch } from "apache-arrow/ipc/metadata/message";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { FlatTable } from "../../../src/data/shards/shard-flatbuffer.js";
import { readLayout, type ShardLayout } from "../../../src/data/shards/shard-layout.js";
import { readBatchMetadata } from "../../../src/data/shards/shard-record-batch.js";

const { Field } = arrow;
const field = (name: string, type: arrow.DataType) => new Field(name, type, true);
const list = (type: arrow.DataType) => new arrow.List(field("item", type));
const IDS = field("input_ids", list(new arrow.Int32()));

function table(message: Uint8Array): FlatTable {
  const header = FlatTable.root(message).table(2);
  if (header === null) throw new Error("the message has no header");
  return header;
}

function layoutOf(...fields: arrow.Field[]): ShardLayout {
  return readLayout(table(Message.encode(Message.from(new arrow.Schema(fields)))), 4, "file");
}

describe("readLayout", () => {
  it.each([
    ["nothing", new arrow.Null(), 1, 0],
    ["bool", new arrow.Bool(), 1, 2],
    ["float", new arrow.Float64(), 1, 2],
    ["text", new arrow.Utf8(), 1, 3],
    ["large binary", new arrow.LargeBinary(), 1, 3],
    ["list of text", list(new arrow.Utf8()), 2, 5],
    ["fixed list", new arrow.FixedSizeList(3, field("item", new arrow.Int8())), 2, 3],
    ["struct", new arrow.Struct([field("a", new arrow.Int8()), field("b", list(new arrow.Int8()))]), 4, 7],
    ["dictionary", new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8(), 1), 1, 2],
    ["sparse union", new arrow.SparseUnion([0], [field("a", new arrow.Int8())]), 2, 3],
    ["dense union", new arrow.DenseUnion([0], [field("a", new arrow.Int8())]), 2, 4],
  ])("counts the parts of %s before the ids", (_, type, node, buffer) => {
    expect(layoutOf(field("before", type), IDS).ids).toEqual({ large: false, value: "int32", node, buffer, views: 0 });
  });

  it.each([
    ["int8", new arrow.Int8()],
    ["uint8", new arrow.Uint8()],
    ["int16", new arrow.Int16()],
    ["uint16", new arrow.Uint16()],
    ["uint32", new arrow.Uint32()],
    ["int64", new arrow.Int64()],
    ["uint64", new arrow.Uint64()],
  ])("takes ids of type %s", (value, type) => {
    expect(layoutOf(field("input_ids", list(type))).ids).toMatchObject({ value, large: false });
    expect(layoutOf(field("input_ids", new arrow.LargeList(field("item", type)))).ids).toMatchObject({
      value,
      large: true,
    });
  });

  it("finds the mask on either side and keeps every name", () => {
    const mask = field("loss_mask", list(new arrow.Bool()));
    expect(layoutOf(IDS, mask)).toMatchObject({
      mask: { value: "bool", node: 2, buffer: 4 },
      columns: ["input_ids", "loss_mask"],
    });
    expect(layoutOf(mask, IDS).ids).toMatchObject({ node: 2, buffer: 4 });
    expect(layoutOf(IDS).mask).toBeNull();
  });

  it.each([
    ["no ids", [field("a\u001b", new arrow.Int8())], 'columns "a\\u001b"'],
    ["no columns", [], "no columns"],
    ["ids twice", [IDS, IDS], "two columns named input_ids"],
    ["lists of lists", [field("input_ids", list(list(new arrow.Int32())))], "type that is not read"],
    [
      "lists of dictionary numbers",
      [field("input_ids", list(new arrow.Dictionary(new arrow.Int32(), new arrow.Int8())))],
      "not read",
    ],
    ["a mask of text", [IDS, field("loss_mask", new arrow.Utf8())], "column loss_mask"],
  ])("refuses a schema with %s", (_, fields, reason) => {
    expect(() => layoutOf(...fields)).toThrow(UserError);
    expect(() => layoutOf(...fields)).toThrow(reason);
  });

  it("gives up on schemas too deep or too wide to be real", () => {
    let deep: arrow.DataType = new arrow.Int8();
    for (let i = 0; i < 70; i++) deep = list(deep);
    expect(() => layoutOf(field("deep", deep), IDS)).toThrow(RangeError);
    const wide = Array.from({ length: 10_001 }, (_, i) => field(`c${i}`, new arrow.Int8()));
    expect(() => layoutOf(...wide, IDS)).toThrow(RangeError);
  });
});

describe("readBatchMetadata", () => {
  const layout = layoutOf(IDS);
  const nodes = [new FieldNode(2, 0), new FieldNode(10, 0)];
  const buffers = [new BufferRegion(0, 0), new BufferRegion(0, 12), new BufferRegion(16, 0), new BufferRegion(16, 40)];

  function read(changed: { rows?: number; nodes?: FieldNode[]; buffers?: BufferRegion[]; body?: number }) {
    const batch = new RecordBatch(changed.rows ?? 2, changed.nodes ?? nodes, changed.buffers ?? buffers, null);
    return readBatchMetadata(
      table(Message.encode(Message.from(batch, 56))),
      layout,
      changed.body ?? 56,
      "file, record batch 0",
    );
  }
  const replaced = <T>(items: readonly T[], index: number, item: T) =>
    items.map((old, i) => (i === index ? item : old));

  it("finds offsets and values", () => {
    expect(read({})).toEqual({ rows: 2, ids: { offsetsAt: 0, valuesAt: 16, values: 10 }, mask: null });
  });

  it.each([
    ["another number of rows", { rows: 3 }, "another number of rows"],
    ["null rows", { nodes: replaced(nodes, 0, new FieldNode(2, 1)) }, "holds nulls"],
    ["null values", { nodes: replaced(nodes, 1, new FieldNode(10, 4)) }, "holds nulls"],
    ["offsets too short", { buffers: replaced(buffers, 1, new BufferRegion(0, 11)) }, "offsets are shorter"],
    ["values too short", { nodes: replaced(nodes, 1, new FieldNode(11, 0)) }, "values are shorter"],
    ["values outside the body", { body: 55 }, "ends outside"],
    ["offsets far outside", { buffers: replaced(buffers, 1, new BufferRegion(2 ** 52, 12)) }, "ends outside"],
  ])("refuses %s", (_, changed, reason) => {
    expect(() => read(changed)).toThrow(UserError);
    expect(() => read(changed)).toThrow(reason);
  });

  it.each([
    ["a missing node", { nodes: nodes.slice(1) }],
    ["a missing buffer", { buffers: buffers.slice(1) }],
    ["no buffers", { buffers: [] }],
    ["a negative length", { nodes: replaced(nodes, 1, new FieldNode(-1, 0)) }],
    ["a negative place", { buffers: replaced(buffers, 3, new BufferRegion(-8, 40)) }],
  ])("reports %s as damage for its caller to name", (_, changed) => {
    expect(() => read(changed)).toThrow(RangeError);
  });
});
