/**
 * Third phase, once over the corpus: which documents go and which stand for them. Memory: 23 bytes a document, and 12 bytes for every band
 * of a document that another one shares; the hashes and the texts stay on the disk.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { Phase, TaskFiles } from "../step.js";
import { STEP_REPORT } from "../step-report.js";
import { DocumentTable } from "./document-table.js";
import { EXACT, KEPT, NEAR, partitionOf, REMOVED, removedFile, SIGNED, SIMILARITY_ONE } from "./files.js";
import { groupsOf } from "./match.js";
import { BandTable, type NearCounts, type Removals, removeNear } from "./near.js";
import { WordWriter } from "./records.js";
import { reportOf, withSearch } from "./report.js";
import type { DedupSettings } from "./settings.js";

export function decidePhase(settings: DedupSettings): Phase {
  return {
    name: "decide",
    each: "corpus",
    run: async (task: TaskFiles) => {
      const table = new DocumentTable(task);
      const removals: Removals = {
        representatives: new Uint32Array(table.count),
        similarities: new Float32Array(table.count),
      };
      const kinds = new Uint8Array(table.count);
      if (settings.exact) removeExact(task, table, removals, kinds);
      task.progress(0.2);
      let search: NearCounts | null = null;
      if (settings.near !== null) {
        const bands = new BandTable(() => groupsOf(task, "bands"), removals.representatives);
        search = removeNear(table, bands, settings.near.similarity, removals);
      }
      task.progress(0.9);
      followCopies(removals, kinds);
      writeRemoved(task, table, removals, kinds);
      writeKept(task.path(KEPT), removals.representatives);
      const report = reportOf(namesOf(task), table, removals.representatives, kinds);
      writeFileSync(task.path(STEP_REPORT), JSON.stringify(withSearch(report, settings.near, search), null, 2));
      table.close();
    },
  };
}

/** Of every group of equal documents the preferred one stays. */
function removeExact(
  task: TaskFiles,
  table: DocumentTable,
  { representatives, similarities }: Removals,
  kinds: Uint8Array,
): void {
  const ranks = new Uint32Array(table.count);
  for (const [rank, number] of table.byRank.entries()) ranks[number] = rank;
  for (const group of groupsOf(task, "exact")) {
    const first = group.reduce((best, number) => (ranks[number] < ranks[best] ? number : best));
    for (const number of group) {
      if (number === first) continue;
      representatives[number] = first + 1;
      similarities[number] = 1;
      kinds[number] = EXACT;
    }
  }
}

/** Copies of a document that is a near duplicate itself are as similar to what stands for it: their shingles are the same. */
function followCopies({ representatives, similarities }: Removals, kinds: Uint8Array): void {
  for (let number = 0; number < kinds.length; number++) {
    if (representatives[number] === 0) continue;
    if (kinds[number] !== EXACT) kinds[number] = NEAR;
    const middle = representatives[number] - 1;
    if (representatives[middle] === 0) continue;
    representatives[number] = representatives[middle];
    similarities[number] = similarities[middle];
  }
}

function writeRemoved(
  task: TaskFiles,
  { firsts }: DocumentTable,
  { representatives, similarities }: Removals,
  kinds: Uint8Array,
): void {
  for (let partition = 0; partition < task.partitions; partition++) {
    const writer = new WordWriter(task.path(removedFile(partition)));
    for (let number = firsts[partition]; number < firsts[partition + 1]; number++) {
      if (representatives[number] === 0) continue;
      const representative = representatives[number] - 1;
      const home = partitionOf(representative, firsts);
      const fields = new Uint32Array(REMOVED.width);
      fields[REMOVED.place] = number - firsts[partition];
      fields[REMOVED.kind] = kinds[number];
      fields[REMOVED.similarity] = Math.round(similarities[number] * SIMILARITY_ONE);
      fields[REMOVED.partition] = home;
      fields[REMOVED.representative] = representative - firsts[home];
      writer.all(fields);
    }
    writer.close();
  }
}

function writeKept(path: string, representatives: Uint32Array): void {
  const kept = new Uint32Array(Math.ceil(representatives.length / 32));
  for (let number = 0; number < representatives.length; number++)
    if (representatives[number] === 0) kept[number >>> 5] |= 1 << (number & 31);
  writeFileSync(path, kept);
}

/** The names of domains by partition and by their number in it. */
function namesOf(task: TaskFiles): string[][] {
  return Array.from({ length: task.partitions }, (_, partition) =>
    JSON.parse(readFileSync(task.partitionFile("sign", partition, SIGNED.names), "utf8")),
  );
}
