/** New files whose size and SHA-256 are known when they are written: hashed on the way to the disk, never read back. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { plainFileBytes } from "./json.js";
import type { ByteSink } from "./safetensors.js";

export interface FileRecord {
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** Creates `path` (which must not exist), lets `fill` write it and flushes it to the disk. */
export async function writeHashed(path: string, fill: (sink: ByteSink) => Promise<void>): Promise<FileRecord> {
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(path, "wx");
  try {
    await fill(async (piece) => {
      // Started first, so that the write proceeds in the thread pool while this thread hashes.
      const written = writeWhole(file, piece);
      hash.update(piece);
      await written;
      bytes += piece.length;
    });
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Copies a file. @throws UserError when the source is missing or not a plain file. */
export async function copyHashed(source: string, path: string): Promise<FileRecord> {
  plainFileBytes(source);
  return writeHashed(path, async (sink) => {
    for await (const piece of createReadStream(source, { highWaterMark: 1 << 20 })) await sink(piece as Buffer);
  });
}

/** A write may stop short (a signal, a nearly full disk); the next one then says why. */
async function writeWhole(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length; ) done += (await file.write(piece, done)).bytesWritten;
}
