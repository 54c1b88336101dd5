/** What `dedup` tells people: how many copies there were, between which domains, in how large clusters, and how many may have been missed. */

import type { Chart } from "../../base/chart.js";
import type { ReportTable } from "../../base/report-table.js";
import type { StepReport } from "../step-report.js";
import type { DocumentTable } from "./document-table.js";
import { EXACT, NEAR, partitionOf } from "./files.js";
import { expectedRecall } from "./minhash.js";
import type { NearCounts } from "./near.js";
import type { NearSettings } from "./settings.js";

/**
 * @param names of domains, by partition and by their number in it
 * @param representatives by document: the number of what stands for it plus one, or 0
 * @param kinds by document: EXACT, NEAR, or 0 for one that stays
 */
export function reportOf(
  names: readonly (readonly string[])[],
  table: Pick<DocumentTable, "count" | "domains" | "firsts">,
  representatives: Uint32Array,
  kinds: Uint8Array,
): StepReport {
  const domainOf = (number: number): string => names[partitionOf(number, table.firsts)][table.domains[number]];
  const domains = [...new Set(names.flat())].sort();
  const matrix = domains.map(() => domains.map(() => 0));
  const copies = new Uint32Array(table.count);
  const went = [0, 0, 0];
  for (let number = 0; number < table.count; number++) {
    went[kinds[number]]++;
    if (representatives[number] === 0) continue;
    const representative = representatives[number] - 1;
    copies[representative]++;
    matrix[domains.indexOf(domainOf(number))][domains.indexOf(domainOf(representative))]++;
  }
  const facts = {
    documents: table.count,
    "exact duplicates removed": went[EXACT],
    "near duplicates removed": went[NEAR],
    "documents that stay": went[0],
  };
  const between: ReportTable = {
    title: "Copies removed from a domain (rows) for a document in a domain (columns)",
    head: ["domain", ...domains],
    rows: domains.map((domain, row) => [domain, ...matrix[row]]),
  };
  return { facts, tables: [between], plots: [clusterPlot(copies)] };
}

/** Clusters counted by powers of two of their size, the document that stays included. */
function clusterPlot(copies: Uint32Array): Chart {
  const counts: number[] = [];
  for (const others of copies) {
    if (others === 0) continue;
    const power = Math.floor(Math.log2(others + 1)) - 1;
    while (counts.length <= power) counts.push(0);
    counts[power]++;
  }
  const x = counts.map((_, power) => (power === 0 ? "2 to 3" : `${2 ** (power + 1)} to ${2 ** (power + 2) - 1}`));
  const title = "Clusters of copies by their size";
  return { title, kind: "bar", xLabel: "documents", yLabel: "clusters", x, series: [{ name: "clusters", y: counts }] };
}

/** The report with what is to be known about the search for near duplicates, where there was one. */
export function withSearch(report: StepReport, near: NearSettings | null, search: NearCounts | null): StepReport {
  if (near === null || search === null) return report;
  const x = Array.from({ length: 21 }, (_, i) => i / 20);
  const curve: Chart = {
    title: `Pairs that ${near.bands} bands of ${near.rows} rows find: 1 − (1 − s^${near.rows})^${near.bands}`,
    kind: "line",
    xLabel: "similarity",
    yLabel: "expected recall",
    x,
    series: [{ name: "expected recall", y: x.map((similarity) => expectedRecall(similarity, near)) }],
  };
  const facts = {
    ...report.facts,
    "least similarity of near duplicates": near.similarity,
    "expected recall of pairs at that similarity": expectedRecall(near.similarity, near),
    "pairs compared": search.comparisons,
    "documents with more candidates than are compared": search.cut,
  };
  return { ...report, facts, plots: [...report.plots, curve] };
}
