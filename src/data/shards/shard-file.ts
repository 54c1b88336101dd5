/** A file read by position. Reads are synchronous: from the page cache one takes about a microsecond, an asynchronous one tens of them. */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { systemCode, UserError } from "../../base/errors.js";

export class ShardFile implements Disposable {
  readonly path: string;
  readonly bytes: number;
  #file: number | null;

  /** @throws UserError when there is no readable file at `path`. */
  constructor(path: string) {
    this.path = path;
    try {
      // Opening a pipe would wait for its writer, so the kind is asked first.
      if (!statSync(path).isFile()) throw new UserError({ what: "this is not a file", where: path });
      this.#file = openSync(path, "r");
    } catch (error) {
      throw unreadable(error, path);
    }
    this.bytes = fstatSync(this.#file).size;
  }

  /** Fills `into` from the position `at` in bytes. @throws UserError when the file ends before or cannot be read. */
  read(at: number, into: NodeJS.ArrayBufferView): void {
    if (this.#file === null) throw new Error(`${this.path} is closed`);
    const bytes = Buffer.from(into.buffer, into.byteOffset, into.byteLength);
    for (let done = 0; done < bytes.length; ) {
      const got = this.#readSome(this.#file, bytes.subarray(done), at + done);
      if (got === 0)
        throw new UserError({
          what: "this file became shorter while it was read",
          where: this.path,
          hint: "shards must not change during a run",
        });
      done += got;
    }
  }

  /** Bytes `[at, at + length)` in memory of their own; `length` has been checked against the file. */
  slice(at: number, length: number): Buffer {
    if (at < 0 || length < 0 || at + length > this.bytes)
      throw new RangeError(`bytes ${at} to ${at + length} of a file of ${this.bytes}`);
    const bytes = Buffer.alloc(length);
    this.read(at, bytes);
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  #readSome(file: number, into: Buffer, at: number): number {
    try {
      return readSync(file, into, 0, into.length, at);
    } catch (error) {
      throw unreadable(error, this.path);
    }
  }
}

function unreadable(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === null) return error;
  const hint = code === "EMFILE" ? "raise the limit of open files (`ulimit -n`)" : "check the path and its permissions";
  return new UserError({ what: `cannot read this file (${code})`, where: path, hint }, { cause: error });
}
