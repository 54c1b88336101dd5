/** Records that were left out, written aside to be looked at: `rejected.jsonl` in the domain's folder, where there are any. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { asDiskError } from "../../base/files.js";
import type { RejectedRecord } from "../../corpus/record.js";

export const REJECTED_FILE = "rejected.jsonl";
/** Characters of a record that are kept. */
const KEPT = 4096;

export class RejectedFile implements Disposable {
  private file: number | null = null;

  constructor(private readonly folder: string) {}

  /** Adds a line: where the record stands, why it was left out, and its beginning. @throws UserError when the disk is full. */
  add({ where, why }: RejectedRecord, raw: unknown): void {
    const path = join(this.folder, REJECTED_FILE);
    const record = (typeof raw === "string" ? raw : (JSON.stringify(raw) ?? "")).slice(0, KEPT);
    try {
      mkdirSync(this.folder, { recursive: true });
      this.file ??= openSync(path, "w");
      writeSync(this.file, `${JSON.stringify({ where, why, record })}\n`);
    } catch (error) {
      throw asDiskError(error, path);
    }
  }

  [Symbol.dispose](): void {
    if (this.file !== null) closeSync(this.file);
    this.file = null;
  }
}
