/**
 * Safetensors files: a streaming writer for float32 and bf16 and a checked reader that fetches one tensor at a time, so that memory holds one
 * tensor and not the file. Numbers are little-endian in the format and in the memory of every platform Node.js is built for but one
 * (s390x), which is refused.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { toBf16 } from "../base/bf16.js";
import { type Shape, sizeOf } from "../base/dims.js";
import { UserError } from "../base/errors.js";
import { WIDENED, widen } from "./half.js";
import { onRead, plainFileBytes } from "./json.js";
import {
  encodeHeader,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  parseHeader,
  type TensorEntry,
  type TensorSpec,
} from "./safetensors-header.js";

export interface NamedTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Takes bytes in order; they are read before the promise resolves and may change afterwards. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;

/** Floats handed to the sink at once: small enough that hashing a piece does not hold up the training loop (about 10 ms). */
const PIECE_FLOATS = 1 << 20;
/** Bytes asked of the system at once; Linux reads at most 2^31 − 4096. */
const READ_BYTES = 1 << 30;

/**
 * Writes a file: names, types and shapes first, then the values in the same order. They come as whole tensors or in pieces of any length,
 * and a BF16 tensor's are rounded to nearest, ties to even, on the way; float32 goes out straight from the arrays' memory.
 * @throws Error when the values do not match the shapes, or a name is given twice.
 */
export async function writeSafetensors(
  sink: ByteSink,
  tensors: readonly TensorSpec[],
  values: Iterable<Float32Array> | AsyncIterable<Float32Array>,
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
      await sink(spec.dtype === "BF16" ? bytesOf(rounded(piece, halves)) : bytesOf(piece));
    }
    if (written < size) continue;
    at++;
    written = 0;
  }
  if (at !== waiting.length)
    throw new Error(`the values end at element ${written} of tensor "${waiting[at]?.name}", ${at} tensors are whole`);
}

function rounded(values: Float32Array, halves: Uint16Array): Uint16Array {
  const out = halves.subarray(0, values.length);
  toBf16(values, out);
  return out;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** An open file whose header was checked. Owns the file handle. */
export class SafetensorsFile implements Disposable {
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly #dataStart: number;

  private constructor(
    readonly path: string,
    private readonly file: number,
  ) {
    const fileBytes = fstatSync(file).size;
    const headerBytes = this.#headerBytes(fileBytes);
    const json = new Uint8Array(headerBytes);
    this.#fill(json, LENGTH_BYTES);
    this.#dataStart = LENGTH_BYTES + headerBytes;
    const header = parseHeader(json, fileBytes - this.#dataStart, path);
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
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /**
   * Reads one tensor as float32; BF16 and F16 are widened, which is exact.
   * @throws UserError when it is of another dtype, does not fit in memory, or the file changed since it was opened.
   */
  read(entry: TensorEntry): NamedTensor {
    const { name, dtype, shape, begin, end } = entry;
    const start = this.#dataStart + begin;
    if (dtype === "F32") {
      const data = this.#allocate(entry, (end - begin) / Float32Array.BYTES_PER_ELEMENT);
      this.#fill(data, start);
      return { name, shape, data };
    }
    if (!WIDENED.has(dtype))
      throw new UserError({
        what: `tensor "${name}" cannot be read as float32 numbers`,
        where: this.path,
        expected: `F32 or ${[...WIDENED].join(" or ")}`,
        got: dtype,
      });
    const halves = new Uint16Array(Math.min(PIECE_FLOATS, (end - begin) / 2));
    const data = this.#allocate(entry, (end - begin) / 2);
    for (let i = 0; i < data.length; i += halves.length) {
      const piece = halves.subarray(0, Math.min(halves.length, data.length - i));
      this.#fill(piece, start + 2 * i);
      widen(dtype, piece, data.subarray(i, i + piece.length));
    }
    return { name, shape, data };
  }

  [Symbol.dispose](): void {
    closeSync(this.file);
  }

  /** The length field, checked against the file and the format's limit before anything is allocated for it. */
  #headerBytes(fileBytes: number): number {
    const hint = "the file is damaged or not in safetensors format";
    if (fileBytes < LENGTH_BYTES) throw new UserError({ what: "the file is too short", where: this.path, hint });
    const field = Buffer.alloc(LENGTH_BYTES);
    this.#fill(field, 0);
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

  /** The size was checked against the file, which may still be larger than memory. */
  #allocate(entry: TensorEntry, length: number): Float32Array {
    try {
      return new Float32Array(length);
    } catch (error) {
      const got = `${entry.end - entry.begin} bytes`;
      throw new UserError(
        { what: `tensor "${entry.name}" does not fit in memory`, where: this.path, got },
        { cause: error },
      );
    }
  }

  /** Fills `target` with the file's bytes from `position`. */
  #fill(target: NodeJS.ArrayBufferView, position: number): void {
    for (let done = 0; done < target.byteLength; ) {
      const length = Math.min(READ_BYTES, target.byteLength - done);
      const piece = new Uint8Array(target.buffer, target.byteOffset + done, length);
      const read = onRead(this.path, () => readSync(this.file, piece, 0, length, position + done));
      if (read === 0) throw new UserError({ what: "the file became shorter while it was read", where: this.path });
      done += read;
    }
  }
}

function requireLittleEndian(): void {
  if (endianness() !== "LE")
    throw new UserError({ what: "safetensors files need a little-endian machine", got: endianness() });
}
