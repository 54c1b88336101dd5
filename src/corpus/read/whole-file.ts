/** A whole file that must fit in memory, decompressed by its name. */
import { messageOf } from "../../base/errors.js";
import type { Rejection } from "../forge-document.js";
import type { SourceFiles } from "../source-kind.js";
import { DamagedStream, decompress } from "./decompress.js";
import { rejection } from "./items.js";

/** The file's bytes, or why they are not read: it is damaged, or longer than `most` bytes. */
export async function readWhole(
  path: string,
  files: SourceFiles,
  most: number,
): Promise<{ readonly content: Uint8Array } | { readonly rejected: Rejection }> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const piece of decompress(path, files.stream(path))) {
      bytes += piece.length;
      if (bytes > most) return rejection(path, `the file is longer than ${most} bytes`, "");
      pieces.push(piece);
    }
  } catch (error) {
    if (!(error instanceof DamagedStream)) throw error;
    return rejection(path, error.message, messageOf(error.cause));
  }
  return { content: Buffer.concat(pieces) };
}
