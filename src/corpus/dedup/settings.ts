/** What the step `dedup` can be told. */
import type { Form } from "../forge-document.js";

export interface NearSettings {
  /** Documents at least this similar are duplicates: the Jaccard similarity of their sets of runs of words; by default 0.8 (Lee et al. 2022). */
  readonly similarity: number;
  /** Words in a run; by default 5 (Lee et al. 2022; FineWeb). */
  readonly shingle: number;
  /** Bands of a signature; two documents are compared when one band is equal. By default 16. */
  readonly bands: number;
  /** Values in a band; a signature has bands × rows of them. By default 6. */
  readonly rows: number;
}

export interface RepeatSettings {
  /** What is counted and removed; by default `paragraphs`, which stand between blank lines. */
  readonly unit: "lines" | "paragraphs";
  /** Removed everywhere when it occurs more often than this in the corpus; by default 6 (Llama 3, Grattafiori et al. 2024, section 3.1.1). */
  readonly times: number;
  /** Forms of documents that it is done to, and counted in; by default text only. Code between fences is never counted or touched. */
  readonly forms: readonly Form[];
  /** A document left with a smaller share of its characters is dropped, 0 to 1; by default 0.5. */
  readonly keep: number;
}

export interface DedupSettings {
  /** Names of the sources, the most trusted first: of two copies that of the earlier one stays, then that of the earlier partition and place. */
  readonly sources: readonly string[];
  /** Whether copies in different domains are duplicates; by default true. */
  readonly across: boolean;
  /** Documents equal but for case, white space and compatibility forms; by default true. */
  readonly exact: boolean;
  /** Near duplicates; null for none. */
  readonly near: NearSettings | null;
  /** Lines or paragraphs that many documents share; null (the default) for none. */
  readonly repeats: RepeatSettings | null;
  /** Bytes for sorting and for read buffers of one task; by default 256 MiB. The tables of the phase `decide` come on top: see there. */
  readonly memory: number;
}

export const DEFAULT_NEAR: NearSettings = { similarity: 0.8, shingle: 5, bands: 16, rows: 6 };
export const DEFAULT_REPEATS: RepeatSettings = { unit: "paragraphs", times: 6, forms: ["text"], keep: 0.5 };
export const DEFAULT_DEDUP: DedupSettings = {
  sources: [],
  across: true,
  exact: true,
  near: DEFAULT_NEAR,
  repeats: null,
  memory: 256 * 2 ** 20,
};
