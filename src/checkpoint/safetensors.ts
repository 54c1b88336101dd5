/**
 * Safetensors files: a streaming writer for float32 and bf16 and a checked reader that fetches a few MB at a time, so that memory holds
 * neither the file nor a tensor. Numbers are little-endian in the format and in the memory of every platform Node.js is built for but one
 * (s390x), which is refused.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { toBf16 } from "../base/bf16.js";
import { sizeOf } from "../base/dims.js";
import { UserError } from "../base/errors.js";
import type { Piece } from "../engine/engine.js";
import { fromF16 } from "./half.js";
import { onRead, plainFileBytes } from "./json.js";
import { readAhead } from "./read-ahead.js";
import {
  type Dtype,
  encodeHeader,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  parseHeader,
  type TensorEntry,
  type TensorSpec,
} from "./safetensors-header.js";

/** Takes bytes in order; they are read before the promise resolves and may change afterwards. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;

/** Floats handed to the sink at once: small enough that hashing a piece does not hold up the training loop (about 10 ms). */
const PIECE_FLOATS = 1 << 20;
/** F16 numbers that become float32 at a time: so few stay in the cache. */
const WIDENED_AT_ONCE = 1 << 16;

/**
 * Writes a file: names, types and shapes first, then the values in the same order. They come as whole tensors or in pieces of any length,
 * and float32 values of a BF16 tensor are rounded to nearest, ties to even, on the way; others go out straight from the arrays' memory.
 * @throws Error when the values do not match the shapes or types, or a name is given twice.
 */
export async function writeSafetensors(
  sink: ByteSink,
  tensors: readonly TensorSpec[],
  values: Iterable<Piece> | AsyncIterable<Piece>,
): Promise<void> {
  requireLittleEndian();
  await sink(encodeHeader(tensors));
  const halves = new Uint16Array(tensors.some(({ dtype }) => dtype === "BF16") ? PIECE_FLOATS : 0);
  const waiting = tensors.filter(({ shape }) => sizeOf(shape) > 0);
  let at = 0;
  let written = 0;
  for await (const array of values) {
    if (array.length === 0) continue;
    const spec = waiting[at];
    if (spec === undefined) throw new Error(`more values than the ${tensors.length} tensors announced`);
    const size = sizeOf(spec.shape);
    written += array.length;
    if (written > size)
      throw new Error(`tensor "${spec.name}" has shape [${spec.shape.join(", ")}] but ${written} values`);
    for (let begin = 0; begin < array.length; begin += PIECE_FLOATS) {
      const piece = array.subarray(begin, begin + PIECE_FLOATS);
      await sink(bytesOf(stored(piece, spec, halves)));
    }
    if (written < size) continue;
    at++;
    written = 0;
  }
  if (at !== waiting.length)
    throw new Error(`the values end at element ${written} of tensor "${waiting[at]?.name}", ${at} tensors are whole`);
}

function stored(values: Piece, { name, dtype }: TensorSpec, halves: Uint16Array): Piece {
  if (values instanceof Uint16Array) {
    if (dtype !== "BF16") throw new Error(`tensor "${name}" is ${dtype ?? "F32"} but is given bits of bf16 numbers`);
    return values;
  }
  if (dtype !== "BF16") return values;
  const out = halves.subarray(0, values.length);
  toBf16(values, out);
  return out;
}

function bytesOf({ buffer, byteOffset, byteLength }: Piece): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A file whose header was read and checked; nothing of it stays open. */
export class SafetensorsFile {
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly #dataStart: number;
  /** Size of the file. */
  readonly bytes: number;

  private constructor(
    readonly path: string,
    file: number,
  ) {
    this.bytes = fstatSync(file).size;
    const headerBytes = this.#headerBytes(file);
    const json = new Uint8Array(headerBytes);
    this.#fill(file, json, LENGTH_BYTES);
    this.#dataStart = LENGTH_BYTES + headerBytes;
    const header = parseHeader(json, this.bytes - this.#dataStart, path);
    this.tensors = header.tensors;
    this.metadata = header.metadata;
  }

  /** @throws UserError when the file is missing, cut short, damaged, or makes claims that do not fit it. */
  static open(path: string): SafetensorsFile {
    requireLittleEndian();
    plainFileBytes(path); // before opening: a pipe would block
    const file = onRead(path, () => openSync(path, "r"));
    try {
      return new SafetensorsFile(path, file);
    } finally {
      closeSync(file);
    }
  }

  /**
   * Reads one tensor piece by piece; F16 is widened, which is exact, and BF16 stays as it is.
   * @throws UserError when it is of another dtype, or the file changed since it was opened.
   */
  async *pieces({ name, dtype, begin, end }: TensorEntry): AsyncGenerator<Piece> {
    if (!isFloat(dtype))
      throw new UserError({
        what: `tensor "${name}" cannot be read as float32 numbers`,
        where: this.path,
        expected: FLOATS.join(" or "),
        got: dtype,
      });
    const at = this.#dataStart;
    const stretch = { path: this.path, begin: at + begin, end: at + end, fileBytes: this.bytes };
    for await (const { buffer, length } of readAhead(stretch)) {
      if (dtype === "F32") yield new Float32Array(buffer, 0, length / 4);
      else if (dtype === "BF16") yield new Uint16Array(buffer, 0, length / 2);
      else yield* widened(new Uint16Array(buffer, 0, length / 2));
    }
  }

  /** The length field, checked against the file and the format's limit before anything is allocated for it. */
  #headerBytes(file: number): number {
    const fileBytes = this.bytes;
    const hint = "the file is damaged or not in safetensors format";
    if (fileBytes < LENGTH_BYTES) throw new UserError({ what: "the file is too short", where: this.path, hint });
    const field = Buffer.alloc(LENGTH_BYTES);
    this.#fill(file, field, 0);
    const claimed = field.readBigUInt64LE();
    const room = Math.min(MAX_HEADER_BYTES, fileBytes - LENGTH_BYTES);
    if (claimed > BigInt(room))
      throw new UserError({
        what:
          claimed > BigInt(MAX_HEADER_BYTES)
            ? "the header's length is beyond the format's limit"
            : "the header ends after the file",
        where: this.path,
        expected: `at most ${room} bytes`,
        got: `${claimed}`,
        hint,
      });
    return Number(claimed);
  }

  /** Fills `target` with the file's bytes from `position`. */
  #fill(file: number, target: Uint8Array, position: number): void {
    for (let done = 0; done < target.length; ) {
      const read = onRead(this.path, () => readSync(file, target, done, target.length - done, position + done));
      if (read === 0) throw new UserError({ what: "the file became shorter while it was read", where: this.path });
      done += read;
    }
  }
}

/** Dtypes that are read. */
const FLOATS = ["F32", "BF16", "F16"] as const;

export function isFloat(dtype: Dtype): dtype is (typeof FLOATS)[number] {
  return FLOATS.some((float) => float === dtype);
}

function* widened(halves: Uint16Array): Generator<Float32Array> {
  const values = new Float32Array(Math.min(WIDENED_AT_ONCE, halves.length));
  for (let start = 0; start < halves.length; start += values.length) {
    const some = halves.subarray(start, start + values.length);
    fromF16(some, values);
    yield values.subarray(0, some.length);
  }
}

function requireLittleEndian(): void {
  if (endianness() !== "LE")
    throw new UserError({ what: "safetensors files need a little-endian machine", got: endianness() });
}
