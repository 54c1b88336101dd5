import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { WARC } from "../../../src/corpus/sources/text/warc.js";
import { expectNoThrow, readAll } from "./memory-files.js";

function record(type: string, content: string, more: readonly string[] = []): string {
  const headers = [`WARC-Type: ${type}`, ...more, `Content-Length: ${Buffer.byteLength(content)}`];
  return `WARC/1.0\r\n${headers.join("\r\n")}\r\n\r\n${content}\r\n\r\n`;
}

const PAGE = record("conversion", "Über\n\nalles\n", [
  "WARC-Target-URI: https://a.example/x",
  "WARC-Identified-Content-Language: deu",
]);
const FILE = [
  record("warcinfo", "software: x"),
  PAGE,
  record("request", "GET /"),
  record("conversion", "Second"),
  record("response", "<html>"),
].join("");

describe("WARC files", () => {
  it("give the text of their conversion records, with address and language", async () => {
    const { documents, rejected } = await readAll(WARC, { "a.warc": FILE, "notes.txt": "no" }, {});
    expect(documents).toEqual([
      { text: "Über\n\nalles", origin: "a.warc:2 https://a.example/x", form: "text", language: "deu" },
      { text: "Second", origin: "a.warc:4", form: "text" },
    ]);
    expect(rejected.map(({ where, why }) => [where, why])).toEqual([
      ["a.warc:5", "holds a page as it was sent, not its text: use WET files"],
    ]);
  });

  it("are read record by record from members of gzip", async () => {
    const members = Buffer.concat([PAGE, record("conversion", "Second")].map((each) => gzipSync(each)));
    const { documents } = await readAll(WARC, { "a.warc.wet.gz": members }, { language: "de" });
    expect(documents.map(({ text, language }) => [text, language])).toEqual([
      ["Über\n\nalles", "de"],
      ["Second", "de"],
    ]);
  });

  it.each([
    [PAGE.slice(0, -8), "ends within this record"],
    ["something else\r\n\r\n", "no WARC record"],
    [`${PAGE}WARC/1.0\r\nContent-Length: -1\r\n\r\n`, "no WARC record"],
    ["x".repeat(100_000), "no WARC record"],
  ])("that are broken end with a reason: %#", async (text, why) => {
    const { rejected } = await readAll(WARC, { "a.warc": text }, {});
    expect(rejected.at(-1)?.why).toContain(why);
  });

  it("never throw", async () => {
    await expectNoThrow(WARC, { "a.warc": FILE }, {});
  });
});
