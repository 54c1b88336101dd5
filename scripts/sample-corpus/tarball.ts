/**
 * Reads files out of an npm tarball in memory; nothing is unpacked to the disk, so nothing there can be changed behind our back.
 * Format: POSIX ustar with pax headers, of which only a longer `path` matters to us.
 */
import { gunzipSync } from "node:zlib";

const BLOCK = 512;

/** Regular files of the tarball that `wanted` asks for, by path without the leading `package/`, in the tarball's order. */
export function readTarball(tarball: Uint8Array, wanted: (path: string) => boolean): Map<string, string> {
  const bytes = gunzipSync(tarball);
  const files = new Map<string, string>();
  let longPath: string | null = null;
  for (let offset = 0; offset + BLOCK <= bytes.length && bytes[offset] !== 0; ) {
    const header = bytes.subarray(offset, offset + BLOCK);
    const size = Number.parseInt(field(header, 124, 12), 8) || 0;
    const body = bytes.subarray(offset + BLOCK, offset + BLOCK + size);
    const kind = field(header, 156, 1);
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (kind === "x") {
      longPath = paxPath(body);
      continue;
    }
    const prefix = field(header, 345, 155);
    const path = (longPath ?? (prefix === "" ? "" : `${prefix}/`) + field(header, 0, 100)).replace(/^[^/]*\//, "");
    longPath = null;
    if ((kind === "0" || kind === "") && wanted(path)) files.set(path, body.toString("utf8"));
  }
  return files;
}

function field(header: Buffer, start: number, length: number): string {
  const text = header.toString("latin1", start, start + length);
  const end = text.indexOf("\0");
  return (end === -1 ? text : text.slice(0, end)).trim();
}

/** A pax record is `<length> <key>=<value>\n`, where the length in bytes counts all of it. */
function paxPath(body: Buffer): string | null {
  for (let offset = 0; offset < body.length; ) {
    const space = body.indexOf(0x20, offset);
    const length = Number(body.toString("latin1", offset, space));
    if (space === -1 || !(length > 0)) return null;
    const record = body.toString("utf8", space + 1, offset + length - 1);
    if (record.startsWith("path=")) return record.slice("path=".length);
    offset += length;
  }
  return null;
}
