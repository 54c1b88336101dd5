import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brownText } from "../../../../src/corpus/sources/text/brown.js";
import { DOCUMENTS } from "../../../../src/corpus/sources/text/documents.js";
import { mailText } from "../../../../src/corpus/sources/text/mail.js";
import { TEXT_FILES } from "../../../../src/corpus/sources/text/text-files.js";
import { readAll, textsOf } from "../files-in-memory.js";

describe("the Brown corpus", () => {
  it.each([
    ["\tThe/at jury/nn said/vbd ,/, ``/`` Why/wrb not/* ?/. ?/. ''/''", 'The jury said, "Why not?"'],
    ["\t``/`` Yes/rb ''/'' ,/, he/pps said/vbd ./.", '"Yes," he said.'],
    ["\tone/cd (/( two/cd )/) ;/. ;/. three/cd --/-- four/cd", "one (two); three -- four"],
    ["\tand/or/cc **zg/nn 1/2/cd", "and/or 1/2"],
    ["\tcalled/vbn '/' here/rb '/' ./.", "called 'here'."],
    ["\tA/at b/nn ./.\nC/at d/nn ./.\n\n\tE/at f/nn ./.", "A b. C d.\n\nE f."],
  ])("turns %j into prose", (tagged, prose) => {
    expect(brownText(tagged)).toBe(prose);
  });
});

const mail = (text: string): unknown => mailText(Buffer.from(text));
const multipart = (type: string, ...parts: string[]): string =>
  `Subject: s\nContent-Type: multipart/${type}; boundary=ab; x="y"\n\npreamble\n${parts.map((part) => `--ab\n${part}\n`).join("")}--ab--\nepilogue`;

describe("mails", () => {
  it("are subject and body", () => {
    expect(mail("From x\r\nSubject: a\r\n b\r\nTo: c\r\n\r\nHello\r\n")).toEqual({ text: "Subject: a b\n\nHello" });
    expect(mail("\nHello")).toEqual({ text: "Hello" });
  });

  it("give their first plain part, and not attachments, HTML, the preamble or the epilogue", () => {
    expect(mail(multipart("mixed", "\nno header\n\nmore --ab here"))).toEqual({
      text: "Subject: s\n\nno header\n\nmore --ab here",
    });
    const attached = "Content-Disposition: attachment\n\nattached";
    expect(mail(multipart("mixed", attached, "Content-Type: text/plain\n\nbody"))).toEqual({
      text: "Subject: s\n\nbody",
    });
    expect(mail(multipart("mixed", "Content-Type: text/html\n\n<p>"))).toEqual({ why: "the mail has no plain text" });
  });

  it("tells a boundary from one that begins with it", () => {
    const inner = 'Content-Type: multipart/alternative; boundary="abc"\n\n--abc\n\ninner\n--abc--';
    expect(mail(multipart("mixed", inner))).toEqual({ text: "Subject: s\n\ninner" });
  });

  it("decodes quoted-printable, whose blanks before a soft break count and at a line's end do not", () => {
    const head = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n";
    expect(mail(`${head}one =\ntwo= \nthree  \n=C3=A9 =ZZ`)).toEqual({ text: "one twothree\né =ZZ" });
  });

  it("decodes base64, character sets and encoded words", () => {
    const head = "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: BASE64\n\n";
    expect(mail(`${head}6Q==\n`)).toEqual({ text: "é" });
    expect(mail("Subject: =?utf-8?Q?a_=C3=A9?= =?utf-8?B?w6k=?= é\n\nx")).toEqual({ text: "Subject: a éé é\n\nx" });
    expect(mailText(Buffer.from("\n\xe9\x80", "latin1"))).toEqual({ text: "é€" });
    expect(mail("\né")).toEqual({ text: "é" });
    expect(mail("Content-Type: text/plain; charset=x-none\n\nx")).toEqual({
      why: "the mail's character set is not known",
    });
  });
});

describe("text files and records", () => {
  it("are documents, or rejected with the reason", async () => {
    const contents = {
      ...{ "a.txt": "\ufeffa\r\nb\n", "b.txt": Buffer.of(0xff), "c.txt": " " },
      ...{ "d.txt.gz": gzipSync("d"), "e.txt.gz": gzipSync("e").subarray(0, 15) },
    };
    expect(textsOf(await readAll(TEXT_FILES, contents, {}))).toEqual([
      ...["a\nb", "rejected: the file is not valid UTF-8", "rejected: the text is empty", "d"],
      "rejected: this gzip file is cut short",
    ]);
  });

  it("take the licence that a record names", async () => {
    const records = [{ text: "a", licence: "", license: "MIT" }, { text: 1 }, [], null].map((each) =>
      JSON.stringify(each),
    );
    const items = await readAll(DOCUMENTS, { "a.jsonl": records.join("\n") }, { language: "en" });
    expect(items[0]).toEqual({
      document: { text: "a", origin: "a.jsonl:1", form: "text", licence: "MIT", language: "en" },
    });
    const notObject = "rejected: the record is not an object";
    expect(textsOf(items.slice(1))).toEqual(["rejected: `text` is not a text", notObject, notObject]);
  });

  it("never throw, whatever the bytes", async () => {
    const pieces = fc.constantFrom(
      "Content-Type: multipart/mixed; boundary=a",
      "\n",
      "\n\n",
      "--a",
      "=",
      "=?a?q?",
      '"',
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }).map((all) => Buffer.from(all.join(""))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (content) => {
        for (const layout of ["plain", "mail", "brown"] as const)
          for (const name of ["a.txt", "a.gz", "a.zst"])
            expect(await readAll(TEXT_FILES, { [name]: content }, { layout })).toHaveLength(1);
        for (const name of ["a.jsonl", "a.json", "a.json.gz"]) await readAll(DOCUMENTS, { [name]: content }, {});
      }),
      { numRuns: 100 },
    );
  });
});
