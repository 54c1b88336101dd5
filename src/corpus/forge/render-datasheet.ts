/** The datasheet as Markdown, and its parts as tables that the page shows too. */
import { formatBytes, formatCount } from "../../base/format.js";
import { markdownTable, type ReportTable } from "../../base/report-table.js";
import { BREAKDOWNS } from "./account.js";
import type { Datasheet, SourceSheet, StepSheet } from "./datasheet.js";

/** The whole datasheet for people. */
export function datasheetMarkdown(sheet: Datasheet): string {
  const lines = ["# Datasheet of the corpus", "", ...summary(sheet).map((line) => `- ${line}`)];
  for (const table of compositionTables(sheet)) lines.push("", `## ${table.title}`, "", ...markdownTable(table));
  lines.push("", "## Steps", "", ...markdownTable(stepsTable(sheet)));
  for (const step of sheet.steps) lines.push(...stepMarkdown(step));
  return `${lines.join("\n")}\n`;
}

/** The corpus in a few sentences. */
export function summary({ total, operations, by, tokenizer, fingerprint }: Datasheet): string[] {
  const licences = Object.keys(by.licence);
  return [
    `${total.documents.toLocaleString("en-US")} documents, ${formatBytes(total.bytes)} of text, ${formatCount(total.tokens)} tokens${tokenizer === null ? " (estimated: a quarter of the bytes)" : ` (counted with ${tokenizer})`}`,
    `${operations.distinct.toLocaleString("en-US")} distinct operations of ${operations.hosts.toLocaleString("en-US")} hosts`,
    `licences: ${licences.length === 0 ? "none is known" : licences.join(", ")}`,
    `fingerprint ${fingerprint}`,
  ];
}

export function compositionTables(sheet: Datasheet): ReportTable[] {
  const breakdowns = BREAKDOWNS.filter((breakdown) => Object.keys(sheet.by[breakdown]).length > 0);
  return [
    ...breakdowns.map((breakdown) => ({
      title: `By ${breakdown}`,
      head: [breakdown, "documents", "bytes", "tokens", "share of tokens"],
      rows: Object.entries(sheet.by[breakdown])
        .sort(([, a], [, b]) => b.tokens - a.tokens)
        .map(([name, { documents, bytes, tokens }]) => [
          name,
          documents,
          bytes,
          tokens,
          percent(tokens, sheet.total.tokens),
        ]),
    })),
    sourcesTable(sheet),
    {
      title: "Operations by host",
      head: ["host", "distinct operations"],
      rows: sheet.operations.largest.map(([host, count]) => [host, count]),
    },
  ];
}

function sourcesTable(sheet: Datasheet): ReportTable {
  return {
    title: "Sources",
    head: [
      "source",
      "kind",
      "from",
      "licence",
      "domain",
      "files",
      "bytes of files",
      "documents read",
      "documents left",
      "bytes left",
    ],
    rows: sheet.sources.map((each: SourceSheet) => [
      ...[each.name, each.kind, each.from, each.licence ?? "unknown", each.domain, each.files, each.bytes],
      ...[each.read.documents, each.left.documents, each.left.bytes],
    ]),
  };
}

export function stepsTable({ steps }: Datasheet): ReportTable {
  return {
    title: "Steps",
    head: ["step", "documents kept", "bytes kept", "documents dropped", "bytes dropped", "records rejected"],
    rows: steps.map(({ name, kept, dropped, rejected }) => [
      ...[name, kept.documents, kept.bytes, dropped.documents, dropped.bytes],
      Object.values(rejected).reduce((sum, count) => sum + count, 0),
    ]),
  };
}

/** What a step dropped, rejected, counted and reports, as tables. */
export function stepTables({ reasons, rejected, examples, counts, report }: StepSheet): ReportTable[] {
  const tables: ReportTable[] = [
    {
      title: "dropped",
      head: ["reason", "documents", "bytes"],
      rows: Object.entries(reasons).map(([reason, { documents, bytes }]) => [reason, documents, bytes]),
    },
    { title: "rejected", head: ["reason", "records"], rows: Object.entries(rejected) },
    {
      title: "the first rejected records",
      head: ["where", "why"],
      rows: examples.map(({ where, why }) => [where, why]),
    },
    { title: "counted", head: ["what", "number"], rows: Object.entries(counts) },
    { title: "found", head: ["what", "value"], rows: Object.entries(report?.facts ?? {}) },
    ...(report?.tables ?? []),
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

function stepMarkdown(step: StepSheet): string[] {
  const lines = ["", `## Step ${step.name}`, "", `Settings: \`${JSON.stringify(step.settings)}\``];
  for (const table of stepTables(step)) lines.push("", `### ${step.name}: ${table.title}`, "", ...markdownTable(table));
  return lines;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "0.0 %" : `${((100 * part) / whole).toFixed(1)} %`;
}
