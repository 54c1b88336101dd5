/**
 * Which near duplicates go: documents are taken in the order of preference, and one that is similar enough to a document that stays goes.
 * A chain of small changes is so never followed from link to link: whatever goes has its like among what stays.
 */
import type { DocumentTable } from "./document-table.js";
import { similarityOf } from "./similarity.js";

/** Where the copies that go have their like. */
export interface Removals {
  /** By a document's number: the number of the document that stands for it plus one, or 0 where it stays. */
  readonly representatives: Uint32Array;
  readonly similarities: Float32Array;
}

export interface NearCounts {
  /** Pairs whose sets were compared. */
  comparisons: number;
  /** Documents that shared bands with more representatives than are compared. */
  cut: number;
}

/**
 * A document is compared with at most this many, of each band the last ones that stayed: a bound on the time where thousands of documents
 * are half alike. A true duplicate shares many bands, so it is among the first.
 */
const MOST_COMPARISONS = 1000;

/** The bands that several documents share, and who has stayed in each: 12 bytes a place and 4 a band and document. */
export class BandTable {
  /** `starts[n] .. starts[n + 1]` are document n's places. */
  private readonly starts: Uint32Array;
  /** The band of a place. */
  private readonly bands: Uint32Array;
  private readonly owners: Uint32Array;
  /** By band the last place that stayed plus one, and by place the one before it in its band. */
  private readonly last: Uint32Array;
  private readonly before: Uint32Array;

  /** @param groups gives the same groups at every call: the documents of each shared band; those already gone take no part */
  constructor(groups: () => Iterable<Uint32Array>, gone: Uint32Array) {
    const count = gone.length;
    this.starts = new Uint32Array(count + 2);
    let bandCount = 0;
    for (const group of groups()) {
      bandCount++;
      for (const number of group) if (gone[number] === 0) this.starts[number + 2]++;
    }
    for (let number = 0; number < count; number++) this.starts[number + 2] += this.starts[number + 1];
    const places = this.starts[count + 1];
    this.bands = new Uint32Array(places);
    this.owners = new Uint32Array(places);
    this.before = new Uint32Array(places);
    this.last = new Uint32Array(bandCount);
    let band = 0;
    for (const group of groups()) {
      for (const number of group) {
        if (gone[number] !== 0) continue;
        const place = this.starts[number + 1]++;
        this.bands[place] = band;
        this.owners[place] = number;
      }
      band++;
    }
  }

  /** Those that stayed in the document's bands, the same one perhaps several times. */
  *candidates(number: number): Generator<number> {
    for (let place = this.starts[number]; place < this.starts[number + 1]; place++)
      for (let other = this.last[this.bands[place]]; other !== 0; other = this.before[other - 1])
        yield this.owners[other - 1];
  }

  stays(number: number): void {
    for (let place = this.starts[number]; place < this.starts[number + 1]; place++) {
      const band = this.bands[place];
      this.before[place] = this.last[band];
      this.last[band] = place + 1;
    }
  }
}

/** Decides about every document that is not gone yet; fills in `removals`. */
export function removeNear(
  table: Pick<DocumentTable, "byRank" | "shinglesOf">,
  bands: BandTable,
  least: number,
  removals: Removals,
): NearCounts {
  const counts: NearCounts = { comparisons: 0, cut: 0 };
  const { representatives, similarities } = removals;
  const tried = new Set<number>();
  for (const number of table.byRank) {
    if (representatives[number] !== 0) continue;
    tried.clear();
    for (const other of bands.candidates(number)) {
      if (tried.has(other)) continue;
      if (tried.size === MOST_COMPARISONS) {
        counts.cut++;
        break;
      }
      tried.add(other);
      const similarity = similarityOf(table.shinglesOf(number), table.shinglesOf(other), least);
      if (similarity === null) continue;
      representatives[number] = other + 1;
      similarities[number] = similarity;
      break;
    }
    counts.comparisons += tried.size;
    if (representatives[number] === 0) bands.stays(number);
  }
  return counts;
}
