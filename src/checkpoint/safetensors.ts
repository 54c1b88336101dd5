/**
 * Safetensors files: a streaming writer for float32 and a checked reader that fetches one tensor at a time, so that memory holds one
 * tensor and not the file. Numbers are little-endian in the format and in the memory of every platform Node.js is built for but one
 * (s390x), which is refused.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { type Shape, sizeOf } from "../base/dims.js";
import { UserError } from "../base/errors.js";
import { WIDENED, widen } from "./half.js";
import { onRead, plainFileBytes } from "./json.js";
import { encodeHeader, LENGTH_BYTES, MAX_HEADER_BYTES, parseHeader, type TensorEntry } from "./safetensors-header.js";

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
