/** A report as one HTML page: it opens from the disk and asks nobody for anything. */
import { escapeXml } from "./chart-frame.js";

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

/** The page's whole text. @param body elements, in their order. */
export function htmlPage(title: string, body: readonly string[]): string {
  return [
    "<!doctype html>",
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    `<title>${escapeXml(title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeXml(title)}</h1>`,
    ...body,
    "</body></html>",
    "",
  ].join("\n");
}

/** Nothing where there is no title. */
export function htmlHeading(title: string, level: "h2" | "h3"): string {
  return title === "" ? "" : `<${level}>${escapeXml(title)}</${level}>`;
}

/** @param lines each a sentence. */
export function htmlList(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `<ul>${lines.map((line) => `<li>${escapeXml(line)}</li>`).join("")}</ul>`;
}

/** Charts beside each other, as many as the window has room for. @param svgs each an `<svg>` element. */
export function htmlCharts(svgs: readonly string[]): string {
  return svgs.length === 0 ? "" : `<div class="charts">${svgs.join("\n")}</div>`;
}
