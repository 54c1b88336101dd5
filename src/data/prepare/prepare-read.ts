/** Reads a domain's documents for `prepare`: drops repeated ones, places each on its side, and counts. */
import { emptyReport, isHeldOut, type ReadReport, readDocuments } from "../../corpus/documents.js";
import type { RecordReader, RejectedRecord } from "../../corpus/record.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { DomainCounts, PrepareChoices, ShardEntry, ShardLists, Side } from "./manifest.js";
import { SeenTexts } from "./prepare-seen.js";
import type { ShardSeries } from "./prepare-shards.js";

/** Characters handed to a thread at once. */
const CHUNK_CHARACTERS = 2 ** 19;

export type Sides = Readonly<Record<Side, ShardSeries>>;

export interface PlacedDocument {
  readonly text: string;
  readonly source: string;
  readonly side: Side;
  /** The characters that count in the loss; null: all do. */
  readonly counted: readonly (readonly [number, number])[] | null;
}

export type Chunk = readonly PlacedDocument[];

export interface ReaderOptions {
  readonly domain: string;
  readonly paths: readonly string[];
  readonly tokenizer: Tokenizer;
  readonly choices: PrepareChoices;
  /** What a record is; absent: a document. */
  readonly records?: RecordReader;
  readonly onRejected?: (rejected: RejectedRecord, raw: unknown) => void;
}

export class DomainReader {
  readonly report: ReadReport = emptyReport();
  /** Bytes of text in the chunks so far. */
  encodedBytes = 0;
  private duplicates = 0;
  private duplicateBytes = 0;
  private withSpecialTexts = 0;

  constructor(
    private readonly options: ReaderOptions,
    private readonly sides: Sides,
  ) {}

  /** The documents that are still to be written, in order. Once only. */
  async *chunks(): AsyncGenerator<Chunk> {
    const { paths, choices, tokenizer, domain, records, onRejected } = this.options;
    const seen = new SeenTexts();
    let chunk: PlacedDocument[] = [];
    let characters = 0;
    const documents = readDocuments(paths, {
      skipInvalid: choices.skipInvalid,
      report: this.report,
      ...(records && { records }),
      ...(onRejected && { onRejected }),
    });
    for await (const { text, source, counted = null, group = text } of documents) {
      if (!seen.add(text)) {
        this.duplicates++;
        this.duplicateBytes += Buffer.byteLength(text);
        continue;
      }
      if (choices.specialTokens === "literal" && tokenizer.spellsSpecialToken(text)) this.withSpecialTexts++;
      const side = isHeldOut(group, choices.heldOut) ? "heldOut" : "train";
      if (!this.sides[side].needsNext()) continue;
      this.encodedBytes += Buffer.byteLength(text);
      chunk.push({ text, source: source ?? domain, side, counted });
      characters += text.length;
      if (characters < CHUNK_CHARACTERS) continue;
      yield chunk;
      chunk = [];
      characters = 0;
    }
    if (chunk.length > 0) yield chunk;
  }

  /** The domain's figures, once everything is read and written. */
  counts({ train, heldOut }: ShardLists): DomainCounts {
    const { documents, bytes, rejected, examples } = this.report;
    const sum = (side: readonly ShardEntry[], what: "tokens" | "documents"): number =>
      side.reduce((total, shard) => total + shard[what], 0);
    return {
      documents: documents - this.duplicates,
      heldOutDocuments: sum(heldOut, "documents"),
      bytes: bytes - this.duplicateBytes,
      tokens: sum(train, "tokens"),
      heldOutTokens: sum(heldOut, "tokens"),
      duplicates: this.duplicates,
      withSpecialTexts: this.withSpecialTexts,
      rejected,
      rejectedExamples: examples,
    };
  }
}
