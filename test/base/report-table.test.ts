import { describe, expect, it } from "vitest";
import { htmlCharts, htmlHeading, htmlList, htmlPage } from "../../src/base/page.js";
import { htmlTable, markdownTable } from "../../src/base/report-table.js";

const table = { title: "A & B", head: ["name", "count"], rows: [["a|b\nc", 1234.56789] as const, ["<i>", 2] as const] };

describe("a report's table", () => {
  it("is Markdown whose cells cannot break it, numbers to the right", () => {
    expect(markdownTable(table)).toEqual(["| name | count |", "|---|---:|", "| a\\|b c | 1,234.5679 |", "| <i> | 2 |"]);
  });

  it("is HTML whose cells cannot break it", () => {
    const html = htmlTable(table, "h3");
    expect(html).toContain("<h3>A &amp; B</h3>");
    expect(html).toContain("<td>&lt;i&gt;</td>");
    expect(html).toContain('<td class="number">1,234.5679</td>');
    expect(htmlTable({ ...table, title: "" }, "h3")).not.toContain("<h3>");
  });
});

describe("a page", () => {
  it("is whole and asks nobody for anything", () => {
    const body = [htmlHeading("a < b", "h2"), htmlList(["x & y"]), htmlCharts(["<svg></svg>"]), htmlList([])];
    const page = htmlPage("<t>", body);
    expect(page).toContain("<title>&lt;t&gt;</title>");
    expect(page).toContain("<h2>a &lt; b</h2>");
    expect(page).toContain("<ul><li>x &amp; y</li></ul>");
    expect(page).toContain('<div class="charts"><svg></svg></div>');
    expect(page).not.toMatch(/<ul><\/ul>|https?:|<script|<link/);
  });
});
