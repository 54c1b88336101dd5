/** The forge's work files: documents as JSON lines, written in pieces of a megabyte, read one at a time. */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import type { ForgeDocument } from "../forge-document.js";
import { readLines } from "../json-lines.js";

const PIECE_BYTES = 1 << 20;

/** Writes lines into a new file; dispose of it to flush them to the disk. Writing is synchronous, so that a step needs no patience. */
export class LineWriter implements Disposable {
  private readonly file: number;
  private piece = "";

  /** @throws a system error when the file cannot be made. */
  constructor(path: string) {
    this.file = openSync(path, "wx");
  }

  write(value: unknown): void {
    this.piece += `${JSON.stringify(value)}\n`;
    if (this.piece.length >= PIECE_BYTES) this.flush();
  }

  private flush(): void {
    const bytes = Buffer.from(this.piece);
    this.piece = "";
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
  }

  [Symbol.dispose](): void {
    try {
      this.flush();
      fsyncSync(this.file);
    } finally {
      closeSync(this.file);
    }
  }
}

/** The documents of a work file, in order. */
export async function* readDocumentLines(path: string): AsyncGenerator<ForgeDocument> {
  for await (const line of readLines(path)) yield JSON.parse(line) as ForgeDocument;
}
