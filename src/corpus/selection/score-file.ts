/**
 * Scores of documents on the disk: 16 bytes a document, in the documents' order. A record is four unsigned 32-bit words: the score so that
 * unsigned numbers are in the scores' order, two words of a hash of source and origin that order equal scores, and a tag of the writer's.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import type { ForgeDocument } from "../forge-document.js";

export const RECORD_WORDS = 4;
const BLOCK_RECORDS = 1 << 16;
const WORD_BYTES = 4;

const asFloat = new Float32Array(1);
const asWord = new Uint32Array(asFloat.buffer);

/** A float32 as an unsigned number that is larger for a larger one: the sign bit turned, and all bits of negative ones. */
export function orderedScore(score: number): number {
  asFloat[0] = score + 0; // -0 becomes 0
  return (asWord[0] & 0x80000000 ? ~asWord[0] : asWord[0] | 0x80000000) >>> 0;
}

/** The float32 that `orderedScore` was given, rounded. */
export function scoreOf(ordered: number): number {
  asWord[0] = ordered & 0x80000000 ? ordered & 0x7fffffff : ~ordered;
  return asFloat[0];
}

export class ScoreWriter implements Disposable {
  private readonly file: number;
  private readonly block = new Uint32Array(BLOCK_RECORDS * RECORD_WORDS);
  private length = 0;

  /** @throws a system error when the file cannot be made. */
  constructor(path: string) {
    this.file = openSync(path, "w");
  }

  /** @param tag an unsigned 32-bit number, for the reader. */
  write({ source, origin }: ForgeDocument, score: number, tag: number): void {
    if (Number.isNaN(score)) throw new Error(`${source}: ${origin} has no score`);
    const hash = createHash("sha256").update(`${source}\0${origin}`).digest();
    this.block[this.length++] = orderedScore(score);
    this.block[this.length++] = hash.readUInt32BE(0);
    this.block[this.length++] = hash.readUInt32BE(WORD_BYTES);
    this.block[this.length++] = tag;
    if (this.length === this.block.length) this.flush();
  }

  private flush(): void {
    const bytes = new Uint8Array(this.block.buffer, 0, this.length * WORD_BYTES);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
    this.length = 0;
  }

  [Symbol.dispose](): void {
    try {
      this.flush();
    } finally {
      closeSync(this.file);
    }
  }
}

/** The records of score files, one file after the other, a block at a time; a block is overwritten by the next. */
export function* readScoreBlocks(paths: readonly string[]): Generator<Uint32Array> {
  const block = new Uint32Array(BLOCK_RECORDS * RECORD_WORDS);
  const bytes = new Uint8Array(block.buffer);
  for (const path of paths) {
    const file = openSync(path, "r");
    try {
      for (;;) {
        let filled = 0;
        for (let read = 1; read > 0 && filled < bytes.length; filled += read)
          read = readSync(file, bytes, filled, bytes.length - filled, null);
        if (filled === 0) break;
        if (filled % (RECORD_WORDS * WORD_BYTES) !== 0) throw new Error(`${path} is damaged`);
        yield block.subarray(0, filled / WORD_BYTES);
      }
    } finally {
      closeSync(file);
    }
  }
}

/** A record's words; compared in this order. */
export interface ScoreKey {
  readonly ordered: number;
  readonly tieHigh: number;
  readonly tieLow: number;
}

/** The records of score files, one at a time. */
export function* readScores(paths: readonly string[]): Generator<ScoreKey & { readonly tag: number }> {
  for (const block of readScoreBlocks(paths))
    for (let at = 0; at < block.length; at += RECORD_WORDS)
      yield { ordered: block[at], tieHigh: block[at + 1], tieLow: block[at + 2], tag: block[at + 3] };
}

/** Whether `key` is not below `threshold`. */
export function reaches(key: ScoreKey, threshold: ScoreKey): boolean {
  if (key.ordered !== threshold.ordered) return key.ordered > threshold.ordered;
  if (key.tieHigh !== threshold.tieHigh) return key.tieHigh > threshold.tieHigh;
  return key.tieLow >= threshold.tieLow;
}
