/**
 * Reads a tar stream piece by piece: POSIX ustar with pax headers and GNU long names, of which only a longer `path` and `size` matter
 * to us. Only regular files are given; links, devices and folders are passed over, so nothing outside the files' own bytes is believed.
 */
import { UserError } from "../../../base/errors.js";

const BLOCK = 512;
/** Headers that hold a long name or pax records are a few hundred bytes; a claim beyond this is an attack or damage. */
const MAX_HEADER_BODY = 1 << 20;
/** Largest file that a published package may hold, in bytes. */
const MAX_FILE = 2 ** 32;
const MAX_ENTRIES = 4_000_000;

export interface TarFile {
  /** As the archive writes it, without its first folder (`package/`). */
  readonly path: string;
  readonly bytes: number;
  /** The file's bytes; what is not read is skipped. Valid until the next file is asked for. */
  content(): AsyncGenerator<Uint8Array>;
}

/**
 * The regular files of an archive in its order.
 * @throws UserError when the stream is no tar archive, ends in the middle of a file or claims absurd sizes.
 */
export async function* tarFiles(stream: AsyncIterable<Uint8Array>, where: string): AsyncGenerator<TarFile> {
  const reader = new Blocks(stream, where);
  try {
    yield* filesOf(reader, where);
  } finally {
    await reader.close();
  }
}

async function* filesOf(reader: Blocks, where: string): AsyncGenerator<TarFile> {
  let next: NextEntry = NAMELESS;
  for (let entries = 0; ; entries++) {
    const header = await reader.take(BLOCK);
    if (header === null || header.every((byte) => byte === 0)) return;
    if (entries === MAX_ENTRIES) throw damaged(where, `more than ${MAX_ENTRIES} entries`);
    checkSum(header, where);
    const kind = field(header, 156, 1);
    const bytes = next.bytes ?? sizeOf(header, where);
    if (bytes > MAX_FILE) throw damaged(where, `an entry of ${bytes} bytes`);
    if (kind === "x" || kind === "L") {
      const body = await headerBody(reader, bytes, where);
      next = kind === "x" ? { ...next, ...paxRecords(body) } : { ...next, path: untilNul(body.toString("utf8")) };
      continue;
    }
    reader.open(bytes);
    const path = (next.path ?? nameOf(header)).replace(/^(?:\.\/)*[^/]*\//, "");
    if (kind === "0" || kind === "") yield { path, bytes, content: () => reader.rest() };
    await reader.skip();
    next = NAMELESS;
  }
}

/** What headers before an entry say of it. */
interface NextEntry {
  readonly path: string | null;
  readonly bytes: number | null;
}

const NAMELESS: NextEntry = { path: null, bytes: null };

async function headerBody(reader: Blocks, bytes: number, where: string): Promise<Buffer> {
  if (bytes > MAX_HEADER_BODY) throw damaged(where, `a header of ${bytes} bytes`);
  reader.open(bytes);
  const pieces: Uint8Array[] = [];
  for await (const piece of reader.rest()) pieces.push(piece);
  await reader.skip();
  return Buffer.concat(pieces);
}

/** A stream in pieces of the sizes that are asked for, and the part of the current entry that is not read yet. */
class Blocks {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #where: string;
  #held: Uint8Array = new Uint8Array();
  #left = 0;
  #padding = 0;

  constructor(stream: AsyncIterable<Uint8Array>, where: string) {
    this.#pieces = stream[Symbol.asyncIterator]();
    this.#where = where;
  }

  /** Exactly so many bytes, or null at the end of the stream. */
  async take(bytes: number): Promise<Buffer | null> {
    const parts: Uint8Array[] = [];
    for (let missing = bytes; missing > 0; ) {
      const part = await this.#part(missing);
      if (part === null && missing === bytes) return null;
      if (part === null) throw damaged(this.#where, "it ends in the middle");
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Begins an entry's body. */
  open(bytes: number): void {
    this.#left = bytes;
    this.#padding = (BLOCK - (bytes % BLOCK)) % BLOCK;
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    while (this.#left > 0) {
      const part = await this.#part(this.#left);
      if (part === null) throw damaged(this.#where, "it ends in the middle of a file");
      this.#left -= part.length;
      yield part;
    }
  }

  async skip(): Promise<void> {
    this.#left += this.#padding;
    this.#padding = 0;
    for await (const _ of this.rest());
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #part(most: number): Promise<Uint8Array | null> {
    while (this.#held.length === 0) {
      const { value, done } = await this.#pieces.next();
      if (done === true) return null;
      this.#held = value;
    }
    const part = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(part.length);
    return part;
  }
}

/** The sum of a header's bytes, its own field counted as blanks. */
function checkSum(header: Buffer, where: string): void {
  const stated = Number.parseInt(field(header, 148, 8), 8);
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i];
  if (sum !== stated) throw damaged(where, "a header's sum is wrong");
}

/** Octal digits, or from 8 GiB on a binary number (GNU), which no package needs. */
function sizeOf(header: Buffer, where: string): number {
  const digits = field(header, 124, 12);
  if (!/^[0-7]*$/.test(digits)) throw damaged(where, `a size written ${JSON.stringify(digits)}`);
  return Number.parseInt(digits, 8) || 0;
}

function nameOf(header: Buffer): string {
  const prefix = field(header, 257, 6) === "ustar" ? field(header, 345, 155) : "";
  return (prefix === "" ? "" : `${prefix}/`) + field(header, 0, 100);
}

function field(header: Buffer, start: number, length: number): string {
  return untilNul(header.toString("utf8", start, start + length)).trim();
}

function untilNul(text: string): string {
  const end = text.indexOf("\0");
  return end === -1 ? text : text.slice(0, end);
}

/** A pax record is `<length> <key>=<value>\n`, where the length in bytes counts all of it. */
function paxRecords(body: Buffer): Partial<NextEntry> {
  const found: { path?: string; bytes?: number } = {};
  for (let offset = 0; offset < body.length; ) {
    const space = body.indexOf(0x20, offset);
    const length = Number(body.toString("latin1", offset, space));
    if (space === -1 || !(Number.isSafeInteger(length) && length > space - offset)) break;
    const record = body.toString("utf8", space + 1, offset + length - 1);
    if (record.startsWith("path=")) found.path = record.slice("path=".length);
    if (/^size=\d{1,15}$/.test(record)) found.bytes = Number(record.slice("size=".length));
    offset += length;
  }
  return found;
}

function damaged(where: string, got: string): UserError {
  return new UserError({ what: "this is not a whole tar archive", where, got, expected: "a package as npm packs it" });
}
