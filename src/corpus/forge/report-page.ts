/** The datasheet as one HTML page with its plots: it opens from the disk and asks nobody for anything. */
import { type Chart, chartSvg } from "../../base/chart.js";
import { escapeXml } from "../../base/chart-frame.js";
import { formatBytes } from "../../base/format.js";
import { htmlCharts, htmlList, htmlPage } from "../../base/page.js";
import { htmlTable } from "../../base/report-table.js";
import type { Datasheet, StepSheet } from "./datasheet.js";
import { compositionTables, stepsTable, stepTables, summary } from "./render-datasheet.js";

/** The page's whole text. */
export function reportPage(sheet: Datasheet): string {
  return htmlPage("Datasheet of the corpus", [
    htmlList(summary(sheet)),
    htmlCharts(corpusCharts(sheet).map(chartSvg)),
    htmlTable(stepsTable(sheet), "h2"),
    ...compositionTables(sheet).map((table) => htmlTable(table, "h2")),
    ...sheet.steps.map(stepHtml),
  ]);
}

function corpusCharts({ by, lengths, steps }: Datasheet): Chart[] {
  return [tokensChart("domain", by.domain), tokensChart("source", by.source), lengthsChart(lengths), stepsChart(steps)];
}

function tokensChart(breakdown: string, extents: Datasheet["by"]["domain"]): Chart {
  const sorted = Object.entries(extents).sort(([, a], [, b]) => b.tokens - a.tokens);
  return {
    ...{ title: `Tokens by ${breakdown}`, kind: "bar", xLabel: breakdown, yLabel: "million tokens" },
    x: sorted.map(([name]) => name),
    series: [{ name: "tokens", y: sorted.map(([, { tokens }]) => tokens / 1e6) }],
  };
}

/** Shares, since domains differ in size. Shorter documents than any there is are left out. */
function lengthsChart(lengths: Datasheet["lengths"]): Chart {
  const domains = Object.values(lengths);
  const longest = Math.max(0, ...domains.map(({ length }) => length));
  const powers = Array.from({ length: longest }, (_, power) => power);
  const first = powers.findIndex((power) => domains.some((counts) => (counts[power] ?? 0) > 0));
  const shown = powers.slice(Math.max(0, first));
  return {
    ...{ title: "Length of documents", kind: "bar", xLabel: "at least", yLabel: "share of the domain's documents" },
    x: shown.map((power) => formatBytes(2 ** power)),
    series: Object.entries(lengths).map(([name, counts]) => {
      const all = counts.reduce((sum, count) => sum + count, 0);
      return { name, y: shown.map((power) => (counts[power] ?? 0) / all) };
    }),
  };
}

function stepsChart(steps: readonly StepSheet[]): Chart {
  return {
    ...{ title: "Bytes kept and dropped by step", kind: "bar", xLabel: "step", yLabel: "million bytes" },
    x: steps.map(({ name }) => name),
    series: [
      { name: "kept", y: steps.map(({ kept }) => kept.bytes / 1e6) },
      { name: "dropped", y: steps.map(({ dropped }) => dropped.bytes / 1e6) },
    ],
  };
}

function stepHtml(step: StepSheet): string {
  const tables = stepTables(step).map((table) => htmlTable(table, "h3"));
  const settings = `<p>Settings: <code>${escapeXml(JSON.stringify(step.settings))}</code></p>`;
  return [
    `<h2>Step ${escapeXml(step.name)}</h2>`,
    settings,
    htmlCharts((step.report?.plots ?? []).map(chartSvg)),
    ...tables,
  ].join("\n");
}
