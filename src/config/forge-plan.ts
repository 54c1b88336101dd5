/** A forge's plan as everything after the schema sees it: every default filled in, nothing left to look up. */
import type { Rational } from "../base/rational.js";
import type { FORMS } from "./forge-names.js";
import type { ForgePlanSource } from "./schema-forge.js";

/** A published npm package, which every fetch must match. */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** As in a lock file: `sha512-` and the digest in base 64. */
  readonly integrity: string;
}

export interface ForgeSource {
  readonly name: string;
  /** Files and folders, or a package to fetch. */
  readonly from: { readonly paths: readonly string[] } | { readonly pinned: PinnedPackage };
  /** Globs on the paths of its files; empty: all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly licence: string | null;
  readonly domain: string;
  /** Share of its documents that is used, drawn by their text. */
  readonly keep: Rational;
  readonly kind: string;
  /** What its kind wants to know. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface ForgePlan {
  /** Folder of the domain files and the reports. */
  readonly output: string;
  /** Folder of the steps' work, by default beside the output. */
  readonly work: string;
  /** Folder of fetched packages. */
  readonly cache: string;
  readonly partitions: number;
  /** A tokenizer.json that counts tokens; null: estimated from bytes. */
  readonly tokenizer: string | null;
  /** Of the tokenizer's file. */
  readonly tokenizerFingerprint: string | null;
  readonly sources: readonly ForgeSource[];
  /** Steps; null: left out. */
  readonly rules: ForgePlanSource["rules"] | null;
  readonly retrieve: RetrievePlan | null;
  readonly filter: FilterPlan | null;
  readonly dedup: (ForgePlanSource["dedup"] & { readonly sources: readonly string[] }) | null;
  readonly decontaminate:
    | (Omit<NonNullable<ForgePlanSource["decontaminate"]>, "sets"> & { readonly sets: readonly ForgeEvaluationSet[] })
    | null;
}

export interface ForgeEvaluationSet {
  readonly name: string;
  readonly paths: readonly string[];
  readonly fields: readonly string[];
}

/** Which documents; every list that is there must hold the document's own. */
export interface MatchPlan {
  readonly sources?: readonly string[];
  readonly domains?: readonly string[];
  readonly forms?: readonly (typeof FORMS)[number][];
}

export type RetrievePlan = Omit<NonNullable<ForgePlanSource["retrieve"]>, "seeds" | "pool"> & {
  readonly seeds: MatchPlan;
  readonly pool: MatchPlan;
};

export type FilterPlan = Omit<NonNullable<ForgePlanSource["filter"]>, "positives" | "negatives" | "applyTo"> & {
  readonly positives: MatchPlan | null;
  readonly negatives: MatchPlan | null;
  readonly applyTo: MatchPlan;
};
