/** Tables of reports, as Markdown and as HTML. Columns of numbers stand to the right. */
import { escapeXml } from "./chart-frame.js";
import { htmlHeading } from "./page.js";

export interface ReportTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export function markdownTable({ head, rows }: ReportTable): string[] {
  const cell = (value: string | number): string => cellText(value).replaceAll("|", "\\|").replaceAll("\n", " ");
  const row = (values: readonly (string | number)[]): string => `| ${values.map(cell).join(" | ")} |`;
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((values) => typeof values[column] === "number"),
  );
  return [row(head), `|${numeric.map((right) => (right ? "---:" : "---")).join("|")}|`, ...rows.map(row)];
}

export function cellText(value: string | number): string {
  return typeof value === "number" ? value.toLocaleString("en-US", { maximumFractionDigits: 4 }) : value;
}

export function htmlTable({ title, head, rows }: ReportTable, level: "h2" | "h3"): string {
  const cell = (value: string | number): string =>
    `<td${typeof value === "number" ? ' class="number"' : ""}>${escapeXml(cellText(value))}</td>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("\n");
  const heads = head.map((name) => `<th>${escapeXml(name)}</th>`).join("");
  return `${htmlHeading(title, level)}<div class="wide"><table><tr>${heads}</tr>\n${body}</table></div>`;
}
