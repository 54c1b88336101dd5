/**
 * The kind `warc`: crawls as WARC files (ISO 28500), in particular Common Crawl's WET files, whose `conversion` records hold the text of pages.
 * Streamed: memory is one record.
 */
import { messageOf } from "../../../base/errors.js";
import type { SourceItem } from "../../forge-document.js";
import { DamagedStream, decompress, uncompressedName } from "../../read/decompress.js";
import { documentItem, rejection } from "../../read/items.js";
import { decodeUtf8, NOT_UTF8 } from "../../record.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { fileUnits } from "../units.js";

export interface WarcSettings {
  /** The language's tag, such as `en`; null: what the record says, where it says one only. */
  readonly language?: string | null;
}

/** A page of more text is none. */
const MAX_RECORD = 2 ** 26;
const MAX_HEADERS = 2 ** 16;

/** A file is a unit. */
export const WARC: SourceKind<WarcSettings> = {
  units: (files) => fileUnits(files, (path) => /\.(?:warc|wet)$/.test(uncompressedName(path))),
  read: ({ files: [path] }, files, settings) => read(path, files, settings),
};

async function* read(path: string, files: SourceFiles, { language = null }: WarcSettings): AsyncGenerator<SourceItem> {
  let number = 0;
  try {
    for await (const record of warcRecords(decompress(path, files.stream(path)))) {
      const where = `${path}:${++number}`;
      if ("why" in record) yield rejection(where, record.why, "");
      else {
        const item = itemOf(record, where, language);
        if (item !== null) yield item;
      }
    }
  } catch (error) {
    if (!(error instanceof DamagedStream)) throw error;
    yield rejection(path, error.message, messageOf(error.cause));
  }
}

interface WarcRecord {
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Null where it is longer than is read. */
  readonly content: Uint8Array | null;
}

/** Null for records that are about the crawl, such as requests. */
function itemOf({ headers, content }: WarcRecord, where: string, language: string | null): SourceItem | null {
  const type = headers.get("warc-type");
  const uri = headers.get("warc-target-uri")?.replace(/^<|>$/g, "");
  if (type === "response" || type === "resource")
    return rejection(where, "holds a page as it was sent, not its text: use WET files", uri ?? "");
  if (type !== "conversion") return null;
  if (content === null) return rejection(where, `the record is longer than ${MAX_RECORD} bytes`, uri ?? "");
  const text = decodeUtf8(content);
  if (text === NOT_UTF8) return rejection(where, "the record is not valid UTF-8", content);
  const said = headers.get("warc-identified-content-language");
  const known = language ?? (said?.includes(",") ? null : (said ?? null));
  return documentItem(
    {
      text: text.trim(),
      origin: uri === undefined ? where : `${where} ${uri}`,
      form: "text",
      ...(known === null ? {} : { language: known }),
    },
    text,
  );
}

/** The records of a stream; where one is broken, there is no telling where the next begins, and the reading ends. */
async function* warcRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<WarcRecord | { readonly why: string }> {
  await using bytes = new ByteReader(chunks);
  for (;;) {
    const head = await bytes.headers();
    if (head === null) return;
    const lines = head.split(/\r?\n/);
    const headers = new Map(
      lines.slice(1).flatMap((line): [string, string][] => {
        const colon = line.indexOf(":");
        return colon < 0 ? [] : [[line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]];
      }),
    );
    const length = /^\d{1,15}$/.test(headers.get("content-length") ?? "")
      ? Number(headers.get("content-length"))
      : null;
    if (!/^WARC\/\d/.test(lines[0]) || length === null) {
      yield { why: "there is no WARC record where one is due; the rest of the file is not read" };
      return;
    }
    const content = await bytes.take(length, length <= MAX_RECORD);
    if (content === "cut short") {
      yield { why: "the file ends within this record" };
      return;
    }
    yield { headers, content };
  }
}

/** Takes bytes off a stream of chunks. */
class ByteReader implements AsyncDisposable {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private left: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** The lines up to the next blank one, those before them that are blank passed over; null at the end. */
  async headers(): Promise<string | null> {
    for (;;) {
      let start = 0;
      while (this.left[start] === 0x0d || this.left[start] === 0x0a) start++;
      this.left = this.left.subarray(start);
      const text = this.left.toString("latin1", 0, MAX_HEADERS);
      const end = /\r?\n\r?\n/.exec(text);
      if (end !== null) {
        this.left = this.left.subarray(end.index + end[0].length);
        return text.slice(0, end.index);
      }
      if (this.left.length > MAX_HEADERS) return "";
      if (!(await this.more())) return this.left.length === 0 ? null : "";
    }
  }

  /** The next bytes, or null where they are not to be kept. */
  async take(length: number, keep: boolean): Promise<Uint8Array | null | "cut short"> {
    const pieces: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.left.length === 0 && !(await this.more())) return "cut short";
      const piece = this.left.subarray(0, missing);
      this.left = this.left.subarray(piece.length);
      missing -= piece.length;
      if (keep) pieces.push(piece);
    }
    return keep ? Buffer.concat(pieces) : null;
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.chunks.next();
    if (done) return false;
    this.left = this.left.length === 0 ? Buffer.from(value) : Buffer.concat([this.left, value]);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chunks.return?.();
  }
}
