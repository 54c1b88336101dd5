/** The datasheet as one HTML page with its plots: it opens from the disk and asks nobody for anything. */
import { type Chart, chartSvg, escapeXml } from "../../base/chart.js";
import { formatBytes } from "../../base/format.js";
import type { ReportTable } from "../step-report.js";
import type { Datasheet, StepSheet } from "./datasheet.js";
import { cellText, compositionTables, stepsTable, stepTables, summary } from "./render-datasheet.js";

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; }
code { overflow-wrap: anywhere; }
`;

/** The page's whole text. */
export function reportPage(sheet: Datasheet): string {
  return [
    "<!doctype html>",
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    `<title>Datasheet of the corpus</title><style>${STYLE}</style></head><body>`,
    "<h1>Datasheet of the corpus</h1>",
    `<ul>${summary(sheet)
      .map((line) => `<li>${escapeXml(line)}</li>`)
      .join("")}</ul>`,
    charts(corpusCharts(sheet)),
    tableHtml(stepsTable(sheet), "h2"),
    ...compositionTables(sheet).map((table) => tableHtml(table, "h2")),
    ...sheet.steps.map(stepHtml),
    "</body></html>",
    "",
  ].join("\n");
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

function lengthsChart(lengths: Datasheet["lengths"]): Chart {
  const longest = Math.max(0, ...Object.values(lengths).map(({ length }) => length));
  const powers = Array.from({ length: longest }, (_, power) => formatBytes(2 ** power));
  return {
    ...{ title: "Length of documents", kind: "bar", xLabel: "at least", yLabel: "documents", x: powers },
    series: Object.entries(lengths).map(([name, counts]) => ({
      name,
      y: powers.map((_, power) => counts[power] ?? 0),
    })),
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
  const tables = stepTables(step).map((table) => tableHtml(table, "h3"));
  const settings = `<p>Settings: <code>${escapeXml(JSON.stringify(step.settings))}</code></p>`;
  return [`<h2>Step ${escapeXml(step.name)}</h2>`, settings, charts(step.report?.plots ?? []), ...tables].join("\n");
}

function charts(list: readonly Chart[]): string {
  return list.length === 0 ? "" : `<div class="charts">${list.map(chartSvg).join("\n")}</div>`;
}

function tableHtml({ title, head, rows }: ReportTable, level: "h2" | "h3"): string {
  const cell = (value: string | number): string =>
    `<td${typeof value === "number" ? ' class="number"' : ""}>${escapeXml(cellText(value))}</td>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("\n");
  const heads = head.map((name) => `<th>${escapeXml(name)}</th>`).join("");
  return `<${level}>${escapeXml(title)}</${level}><div class="wide"><table><tr>${heads}</tr>\n${body}</table></div>`;
}
