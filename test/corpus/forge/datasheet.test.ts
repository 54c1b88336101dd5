import { describe, expect, it } from "vitest";
import { markdownTable } from "../../../src/base/report-table.js";
import type { Datasheet } from "../../../src/corpus/forge/datasheet.js";
import { datasheetMarkdown } from "../../../src/corpus/forge/render-datasheet.js";
import { reportPage } from "../../../src/corpus/forge/report-page.js";

const extent = (documents: number, bytes: number) => ({ documents, bytes, tokens: bytes / 4 });
const sheet: Datasheet = {
  fingerprint: "abc123",
  tokenizer: null,
  total: extent(30, 4000),
  by: {
    domain: { agent: extent(20, 3000), text: extent(10, 1000) },
    source: { aws: extent(20, 3000), "<b>brown</b>": extent(10, 1000) },
    licence: { "Apache-2.0": extent(30, 4000) },
    form: { "tool-documentation": extent(30, 4000) },
    style: {},
    language: {},
  },
  operations: {
    distinct: 1234,
    hosts: 2,
    largest: [
      ["ec2", 1000],
      ["s3 | x", 234],
    ],
  },
  lengths: { agent: [0, 5, 15], text: [10] },
  sources: [
    {
      ...{
        name: "aws",
        kind: "aws-sdk",
        from: "aws-sdk@2.1693.0",
        licence: "Apache-2.0",
        domain: "agent",
        files: 3,
        bytes: 9000,
      },
      ...{ read: { documents: 25, bytes: 5000 }, left: { documents: 20, bytes: 3000 } },
    },
  ],
  steps: [
    {
      ...{ name: "dedup", settings: { similarity: 0.8 }, kept: { documents: 30, bytes: 4000 } },
      ...{ dropped: { documents: 5, bytes: 2000 }, reasons: { "near duplicate": { documents: 5, bytes: 2000 } } },
      ...{ rejected: { "the line is not JSON": 2 }, examples: [{ where: "a.jsonl:7", why: "the line is not JSON" }] },
      counts: { clusters: 3 },
      report: {
        facts: { "expected recall at the threshold": 0.93 },
        tables: [{ title: "within and across", head: ["from", "to", "pairs"], rows: [["agent", "text", 4]] }],
        plots: [
          {
            title: "recall",
            kind: "line",
            xLabel: "similarity",
            yLabel: "recall",
            x: [0, 0.5, 1],
            series: [{ name: "expected", y: [0, 0.4, 1] }],
          },
        ],
      },
    },
  ],
};

describe("the datasheet in Markdown", () => {
  const text = datasheetMarkdown(sheet);

  it("says how much there is and of what", () => {
    expect(text).toContain("30 documents, 3.91 KiB of text, 1k tokens (estimated: a quarter of the bytes)");
    expect(text).toContain("1,234 distinct operations of 2 hosts");
    expect(text).toContain("| agent | 20 | 3,000 | 750 | 75.0 % |");
    expect(text).toContain("| aws | aws-sdk | aws-sdk@2.1693.0 | Apache-2.0 | agent | 3 | 9,000 | 25 | 20 | 3,000 |");
  });

  it("says what was left out and why, with the step's own words", () => {
    expect(text).toContain("| near duplicate | 5 | 2,000 |");
    expect(text).toContain("| a.jsonl:7 | the line is not JSON |");
    expect(text).toContain("| expected recall at the threshold | 0.93 |");
    expect(text).toContain("| agent | text | 4 |");
  });

  it("leaves out what nothing is known of", () => {
    expect(text).not.toContain("By style");
    expect(text).not.toContain("undefined");
  });

  it("names the tokenizer that counted", () => {
    expect(datasheetMarkdown({ ...sheet, tokenizer: "tokenizer.json" })).toContain("(counted with tokenizer.json)");
  });

  it("has tables that names cannot break", () => {
    expect(markdownTable({ title: "", head: ["a", "b"], rows: [["x|y\nz", 2]] })).toEqual([
      "| a | b |",
      "|---|---:|",
      "| x\\|y z | 2 |",
    ]);
  });
});

describe("the page", () => {
  const page = reportPage(sheet);

  it("has a chart for domains, sources, lengths and steps, and those of the steps", () => {
    const titles = [...page.matchAll(/<title>([^<]*)<\/title>/g)].map(([, title]) => title);
    expect(titles).toEqual([
      "Datasheet of the corpus",
      "Tokens by domain",
      "Tokens by source",
      "Length of documents",
      "Bytes kept and dropped by step",
      "recall",
    ]);
  });

  it("asks nobody for anything", () => {
    expect(page.replaceAll('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|<script|<link|@import|src=/);
  });

  it("closes every table and shows names as text", () => {
    expect(page.match(/<table>/g)?.length).toBe(page.match(/<\/table>/g)?.length);
    expect(page).toContain("&lt;b&gt;brown&lt;/b&gt;");
    expect(page).not.toContain("<b>brown");
  });
});
