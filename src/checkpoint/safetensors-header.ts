/**
 * The header of a safetensors file: 8 bytes of length (little-endian), then JSON that maps each tensor's name to dtype, shape and
 * byte range, then the data. Source: https://github.com/huggingface/safetensors, README "Format", whose rules are all checked here:
 * ranges in the data section are contiguous, start at 0 and end at the file's end, and a name is given once.
 */
import type { Shape } from "../base/dims.js";
import { type Problem, UserError } from "../base/errors.js";
import { hiddenTrouble, isObject } from "./json.js";

/** Bytes of one element. Sub-byte types of newer versions of the format are not known here and are refused by name. */
const DTYPE_BYTES = {
  ...{ BOOL: 1, U8: 1, I8: 1, F8_E4M3: 1, F8_E5M2: 1 },
  ...{ I16: 2, U16: 2, F16: 2, BF16: 2 },
  ...{ I32: 4, U32: 4, F32: 4 },
  ...{ I64: 8, U64: 8, F64: 8 },
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** The reference implementation's own limit: a longer header means a damaged length field, and would be read into memory. */
export const MAX_HEADER_BYTES = 100_000_000;
/** Bytes of the length field. */
export const LENGTH_BYTES = 8;
/** The data section starts at a multiple of this, so that a memory map of it is aligned for every dtype. */
const ALIGNMENT = 8;
/** object → tensor → shape: nothing in a header is nested deeper. */
const MAX_DEPTH = 3;

/** What this program writes. */
export type StoredDtype = "F32" | "BF16";

/** A tensor to be written; F32 unless it says otherwise. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype?: StoredDtype;
}

/** Bytes that a tensor takes in its file. */
export function storedBytes({ shape, dtype = "F32" }: Omit<TensorSpec, "name">): number {
  return shape.reduce((product, extent) => product * extent, DTYPE_BYTES[dtype]);
}

export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
  /** First byte and the byte after the last, counted from the start of the data section. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Length field and padded JSON for tensors that follow in the given order.
 * @throws Error when a name is given twice or reserved.
 */
export function encodeHeader(tensors: readonly TensorSpec[]): Uint8Array {
  const table = new Map<string, unknown>([["__metadata__", { format: "pt" }]]);
  let offset = 0;
  for (const { name, shape, dtype = "F32" } of tensors) {
    if (table.has(name)) throw new Error(`tensor name "${name}" is given twice or reserved`);
    const begin = offset;
    offset += checkedProduct(shape, DTYPE_BYTES[dtype]) ?? Number.NaN;
    if (!Number.isSafeInteger(offset)) throw new Error(`tensor "${name}" has no valid shape: [${shape.join(", ")}]`);
    table.set(name, { dtype, shape, data_offsets: [begin, offset] });
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(table)), "utf8");
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(LENGTH_BYTES + padded, " ");
  header.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(header, LENGTH_BYTES);
  return header;
}

/**
 * Parses and checks the JSON of a header.
 * @param dataBytes bytes that follow the header in the file.
 * @throws UserError naming `where` and the tensor at fault.
 */
export function parseHeader(json: Uint8Array, dataBytes: number, where: string): SafetensorsHeader {
  const { __metadata__: metadata = {}, ...table } = parseTable(json, where);
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== "string"))
    throw refusal(where, { what: "the header's __metadata__ is not a map of texts" });
  const tensors = Object.entries(table).map(([name, value]) => parseEntry(name, value, where));
  // Empty tensors share their begin with the next one; by end, they come first.
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let offset = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== offset)
      throw refusal(where, {
        what: `tensor "${name}" ${begin < offset ? "overlaps the one before it" : "leaves a gap before it"}`,
        expected: `data from byte ${offset}`,
        got: `from byte ${begin}`,
      });
    offset = end;
  }
  if (offset !== dataBytes)
    throw refusal(where, {
      what: offset > dataBytes ? "the file is shorter than its header says" : "the file is longer than its header says",
      expected: `${offset} bytes of data`,
      got: `${dataBytes}`,
    });
  return { tensors, metadata: metadata as Readonly<Record<string, string>> };
}

function parseTable(json: Uint8Array, where: string): Record<string, unknown> {
  let trouble: string | null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(json);
    trouble = hiddenTrouble(text, MAX_DEPTH);
    const value: unknown = trouble === null ? JSON.parse(text) : null;
    if (isObject(value)) return value;
  } catch (error) {
    throw refusal(where, { what: "the header is not JSON", got: String(error) });
  }
  throw refusal(where, { what: trouble === null ? "the header is not a JSON object" : `in the header, ${trouble}` });
}

function parseEntry(name: string, value: unknown, where: string): TensorEntry {
  const refuse = (problem: Problem) => refusal(where, { ...problem, what: `tensor "${name}" ${problem.what}` });
  if (!isObject(value)) throw refuse({ what: "is not described by an object" });
  const { dtype, shape, data_offsets: range } = value;
  if (!isDtype(dtype))
    throw refuse({
      what: "has an unknown dtype",
      expected: Object.keys(DTYPE_BYTES).join(", "),
      got: JSON.stringify(dtype) ?? "none",
    });
  if (!isCounts(shape)) throw refuse({ what: "has no valid shape", got: JSON.stringify(shape) ?? "none" });
  if (!isCounts(range) || range.length !== 2 || range[1] < range[0])
    throw refuse({ what: "has no valid data_offsets", got: JSON.stringify(range) ?? "none" });
  const [begin, end] = range as [number, number];
  const bytes = checkedProduct(shape, DTYPE_BYTES[dtype]);
  if (bytes !== end - begin)
    throw refuse({
      what: "has a shape that does not fit its data",
      expected: bytes === null ? "fewer elements" : `${bytes} bytes for ${dtype} [${shape.join(", ")}]`,
      got: `${end - begin} bytes`,
    });
  return { name, dtype, shape, begin, end };
}

function isDtype(value: unknown): value is Dtype {
  return typeof value === "string" && Object.hasOwn(DTYPE_BYTES, value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** Product of non-negative integers and an element size; null when a partial product passes 2^53. */
function checkedProduct(shape: Shape, elementBytes: number): number | null {
  let product = elementBytes;
  for (const extent of shape) {
    product *= extent;
    if (!Number.isSafeInteger(product)) return null;
  }
  return product;
}

function refusal(where: string, problem: Problem): UserError {
  return new UserError({ hint: "the file is damaged or not in safetensors format", ...problem, where });
}
