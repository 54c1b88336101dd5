/** First phase: reads every document once and leaves sorted hashes of it, of its bands and of its pieces, and its set of shingles. */
import { writeFileSync } from "node:fs";
import type { ForgeDocument } from "../forge-document.js";
import type { PartitionTask, Phase, TaskFiles } from "../step.js";
import { runHashes, textHash, wordHash, wordHashes } from "../text/hashes.js";
import { HASHES, type HashKind, hashFile, SIGNED } from "./files.js";
import { bandKeys, signature } from "./minhash.js";
import { piecesOf } from "./pieces.js";
import { WordWriter } from "./records.js";
import type { DedupSettings, NearSettings } from "./settings.js";
import { RecordSorter } from "./sorted-records.js";

const encoder = new TextEncoder();
/** Documents are told apart from their parts. */
const EXACT_SEED = 1;
export const PIECE_SEED = 2;

export function signPhase(settings: DedupSettings): Phase {
  return {
    name: "sign",
    each: "partition",
    run: async (task: PartitionTask) => {
      const signer = new Signer(task, settings);
      for await (const document of task.documents()) signer.add(document);
      signer.finish();
    },
  };
}

class Signer {
  private readonly documents: WordWriter;
  private readonly origins: WordWriter;
  private readonly shingles: WordWriter;
  private readonly sorters: Readonly<Record<HashKind, RecordSorter | null>>;
  private readonly domains: string[] = [];
  private number = 0;
  private originWords = 0;
  private shingleWords = 0;
  private readonly pair = new Uint32Array(2);
  private readonly values: Int32Array;
  private readonly keys: Uint32Array;

  constructor(
    private readonly task: TaskFiles,
    private readonly settings: DedupSettings,
  ) {
    const { exact, near, repeats, memory } = settings;
    this.documents = new WordWriter(task.path(SIGNED.documents));
    this.origins = new WordWriter(task.path(SIGNED.origins));
    this.shingles = new WordWriter(task.path(SIGNED.shingles));
    const kinds = Number(exact) + Number(near !== null) + Number(repeats !== null);
    const sorter = (kind: HashKind, wanted: boolean): RecordSorter | null =>
      wanted ? new RecordSorter((name) => task.path(name), hashFile(kind), HASHES, memory / kinds) : null;
    const bands = sorter("bands", near !== null);
    this.sorters = { exact: sorter("exact", exact), bands, pieces: sorter("pieces", repeats !== null) };
    this.values = new Int32Array(near === null ? 0 : near.bands * near.rows);
    this.keys = new Uint32Array(near === null ? 0 : 2 * near.bands);
  }

  add(document: ForgeDocument): void {
    const { exact, near, across, repeats } = this.settings;
    const salt = across ? 0 : wordHash(document.domain);
    if (exact) {
      textHash(document.text, EXACT_SEED ^ salt, this.pair, 0);
      this.record("exact", this.pair, 0);
    }
    const shingles = near === null ? 0 : this.addNear(document.text, near, salt);
    if (repeats?.forms.includes(document.form))
      for (const { start, end } of piecesOf(document.text, repeats.unit)) {
        textHash(document.text.slice(start, end), PIECE_SEED ^ salt, this.pair, 0);
        this.record("pieces", this.pair, 0);
      }
    this.describe(document, shingles);
    this.number++;
  }

  /** Returns how many shingles the text has. */
  private addNear(text: string, near: NearSettings, salt: number): number {
    const set = distinct(runHashes(wordHashes(text), near.shingle));
    if (set.length === 0) return 0;
    signature(set, near, this.values);
    bandKeys(this.values, near, salt, this.keys);
    for (let band = 0; band < near.bands; band++) this.record("bands", this.keys, 2 * band);
    this.shingles.all(set);
    return set.length;
  }

  private record(kind: HashKind, hash: Uint32Array, at: number): void {
    const sorter = this.sorters[kind];
    if (sorter === null) return;
    const place = sorter.claim();
    sorter.words[place] = hash[at];
    sorter.words[place + 1] = hash[at + 1];
    sorter.words[place + 2] = this.number;
  }

  private describe({ source, origin, domain }: ForgeDocument, shingles: number): void {
    const bytes = encoder.encode(`${source} ${origin}`);
    const words = new Uint32Array(Math.ceil(bytes.length / 4));
    new Uint8Array(words.buffer).set(bytes);
    this.origins.all(words);
    if (!this.domains.includes(domain)) this.domains.push(domain);
    const rank = this.settings.sources.indexOf(source);
    this.documents.word(rank === -1 ? this.settings.sources.length : rank);
    this.documents.word(this.domains.indexOf(domain));
    this.position(this.shingleWords);
    this.documents.word(shingles);
    this.position(this.originWords);
    this.documents.word(bytes.length);
    this.shingleWords += shingles;
    this.originWords += words.length;
  }

  private position(words: number): void {
    this.documents.word(Math.floor(words / 2 ** 32));
    this.documents.word(words);
  }

  finish(): void {
    for (const sorter of Object.values(this.sorters)) sorter?.finish();
    for (const writer of [this.documents, this.origins, this.shingles]) writer.close();
    writeFileSync(this.task.path(SIGNED.names), JSON.stringify(this.domains));
    this.task.count("documents", this.number);
  }
}

/** The values in ascending order, each once; sorts the given ones. */
export function distinct(values: Uint32Array): Uint32Array {
  values.sort();
  let count = 0;
  for (let i = 0; i < values.length; i++) if (i === 0 || values[i] !== values[i - 1]) values[count++] = values[i];
  return values.subarray(0, count);
}
