/**
 * Safetensors files: a streaming writer for float32 and a checked reader that fetches a few MB at a time, so that memory holds neither the
 * file nor a tensor. Numbers are little-endian in the format and in the memory of every platform Node.js is built for but one
 * (s390x), which is refused.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { type Shape, sizeOf } from "../base/dims.js";
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
} from "./safetensors-header.js";

/** Takes bytes in order; they are read before the promise resolves and may change afterwards. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;

/** Floats handed to the sink at once: small enough that hashing a piece does not hold up the training loop (about 10 ms). */
const PIECE_FLOATS = 1 << 20;
/** F16 numbers that become float32 at a time: so few stay in the cache. */
const WIDENED_AT_ONCE = 1 << 16;

/**
 * Writes a file of float32 tensors: names and shapes first, data in the same order, straight from the arrays' memory.
 * @throws Error when the data does not match the shapes, or a name is given twice.
 */
export async function writeSafetensors(
  sink: ByteSink,
  tensors: readonly { readonly name: string; readonly shape: Shape }[],
  arrays: Iterable<Float32Array> | AsyncIterable<Float32Array>,
): Promise<void> {
  requireLittleEndian();
  await sink(encodeHeader(tensors));
  let written = 0;
  for await (const array of arrays) {
    const spec = tensors[written++];
    if (spec === undefined) throw new Error(`more arrays than the ${tensors.length} tensors announced`);
    if (array.length !== sizeOf(spec.shape))
      throw new Error(`tensor "${spec.name}" has shape [${spec.shape.join(", ")}] but ${array.length} elements`);
    for (let begin = 0; begin < array.length; begin += PIECE_FLOATS) {
      const piece = array.subarray(begin, begin + PIECE_FLOATS);
      await sink(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
    }
  }
  if (written !== tensors.length) throw new Error(`${written} arrays for ${tensors.length} tensors announced`);
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
