/** Fingerprints: SHA-256 of bytes, of files and of plain values, as lower-case hexadecimal. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** A JSON value with object keys in sorted order, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item === null || typeof item !== "object" || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}

/** SHA-256 of bytes or of a string's UTF-8. */
export function sha256(data: string | NodeJS.ArrayBufferView): string {
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-256 of a plain value, whatever the order of its keys. */
export function fingerprintOf(value: unknown): string {
  return sha256(canonicalJson(value));
}

/** SHA-256 of a file, read once in pieces. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
