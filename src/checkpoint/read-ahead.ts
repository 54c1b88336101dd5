/** Part of a file in pieces, each of which is being read while the one before it is used, so that disk and processor work at once. */
import { type FileHandle, open } from "node:fs/promises";
import { UserError } from "../base/errors.js";
import { readError } from "./json.js";

/** A stretch of a file that was looked at before. */
export interface Stretch {
  readonly path: string;
  /** First byte and the byte after the last. */
  readonly begin: number;
  readonly end: number;
  /** Size that the file had. */
  readonly fileBytes: number;
}

/** Enough that a disk's time per request does not count; a multiple of every element's size. */
const PIECE_BYTES = 4 << 20;

/**
 * Yields the bytes in order; a piece is overwritten when the one after the next is read. The file is open while the iteration lasts.
 * @throws UserError when the file is gone, unreadable or of another size than it had.
 */
export async function* readAhead({ path, begin, end, fileBytes }: Stretch): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (begin === end) return;
  await using file = await open(path, "r").catch((error: unknown) => {
    throw readError(path, error);
  });
  const { size } = await file.stat();
  if (size !== fileBytes)
    throw new UserError({
      what: "this file changed while it was read",
      where: path,
      expected: `${fileBytes} bytes`,
      got: `${size} bytes`,
    });
  const buffers = [begin, begin + PIECE_BYTES].map(
    (from) => new Uint8Array(Math.max(0, Math.min(PIECE_BYTES, end - from))),
  );
  const read = (start: number): Promise<Uint8Array<ArrayBuffer>> => {
    const buffer = buffers[((start - begin) / PIECE_BYTES) % buffers.length];
    const filled = fill(file, path, buffer.subarray(0, Math.min(PIECE_BYTES, end - start)), start);
    // It is awaited in its turn, or never; until then a failure must not count as unhandled.
    filled.catch(() => {});
    return filled;
  };
  let next = read(begin);
  for (let start = begin; start < end; start += PIECE_BYTES) {
    const piece = await next;
    if (start + PIECE_BYTES < end) next = read(start + PIECE_BYTES);
    yield piece;
  }
}

async function fill(
  file: FileHandle,
  path: string,
  target: Uint8Array<ArrayBuffer>,
  position: number,
): Promise<Uint8Array<ArrayBuffer>> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await file
      .read(target, done, target.length - done, position + done)
      .catch((error: unknown) => {
        throw readError(path, error);
      });
    if (bytesRead === 0) throw new UserError({ what: "the file became shorter while it was read", where: path });
    done += bytesRead;
  }
  return target;
}
