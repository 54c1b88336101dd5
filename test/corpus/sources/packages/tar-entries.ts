/** Archives as npm packs them, written by hand. */
import { gzipSync } from "node:zlib";

/** One tar entry: a ustar header of 512 bytes with its sum, and the content padded to 512. `size` overrides what the header claims. */
export function entry(path: string, content: string | Uint8Array, kind = "0", size?: string): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(path, 0, "utf8");
  header.write(size ?? body.length.toString(8).padStart(11, "0"), 124);
  header.write(kind, 156);
  header.write("ustar\0", 257);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

export function archive(...entries: Buffer[]): Buffer {
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}

export function tarball(...entries: Buffer[]): Buffer {
  return gzipSync(archive(...entries));
}

/** A pax record, whose length counts itself. */
export function pax(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}${rest}`.length !== length) length++;
  return `${length}${rest}`;
}
