/** Text, records, mails and source code. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { CODE } from "../../../src/corpus/sources/code/code.js";
import { languageOf } from "../../../src/corpus/sources/code/languages.js";
import { whyUnreadable } from "../../../src/corpus/sources/code/readable.js";
import { brownText } from "../../../src/corpus/sources/text/brown.js";
import { DOCUMENTS } from "../../../src/corpus/sources/text/documents.js";
import { mailText } from "../../../src/corpus/sources/text/mail.js";
import { TEXT_FILES } from "../../../src/corpus/sources/text/text-files.js";
import { gatherUnits } from "../../../src/corpus/sources/units.js";
import { expectNoThrow, readAll } from "./memory-files.js";

describe("text files", () => {
  it("are a document each, with the source's language, compressed or not", async () => {
    const files = {
      "a.txt": " One.\r\nTwo. ",
      "b.md.gz": gzipSync("# Title"),
      "c.txt": Buffer.from([0xff, 0xfe]),
      "d.txt": " ",
    };
    const { documents, rejected } = await readAll(TEXT_FILES, files, { language: "en" });
    expect(documents.map(({ text, origin, language }) => [text, origin, language])).toEqual([
      ["One.\nTwo.", "a.txt", "en"],
      ["# Title", "b.md.gz", "en"],
    ]);
    expect(rejected.map(({ where, why }) => [where, why])).toEqual([
      ["c.txt", "the file is not valid UTF-8"],
      ["d.txt", "the text is empty"],
    ]);
  });

  it("say when an archive is damaged", async () => {
    const { rejected } = await readAll(TEXT_FILES, { "a.txt.gz": gzipSync("x".repeat(5000)).subarray(0, 20) }, {});
    expect(rejected[0].why).toContain("cut short");
  });

  it.each([
    ["\tThe/at jury/nn said/vbd ,/, ``/`` Why/wrb not/* ?/. ?/. ''/''", 'The jury said, "Why not?"'],
    ["\t``/`` Yes/rb ''/'' ,/, he/pps said/vbd ./.", '"Yes," he said.'],
    ["\tone/cd (/( two/cd )/) ;/. ;/. three/cd --/-- four/cd", "one (two); three -- four"],
    ["\tand/or/cc **zg/nn 1/2/cd", "and/or 1/2"],
    ["\tA/at b/nn ./.\nC/at d/nn ./.\n\n\tE/at f/nn ./.", "A b. C d.\n\nE f."],
  ])("with tags: %j", async (tagged, text) => {
    expect(brownText(tagged)).toBe(text);
    expect((await readAll(TEXT_FILES, { ca01: tagged }, { layout: "brown" })).documents[0].text).toBe(text);
  });

  it.each(["plain", "mail", "brown"] as const)("never throw as %s", async (layout) => {
    await expectNoThrow(
      TEXT_FILES,
      { "a.txt": "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\n--b--" },
      { layout },
    );
  });
});

const mail = (text: string): string => {
  const found = mailText(Buffer.from(text, "latin1"));
  return "text" in found ? found.text : `none: ${found.why}`;
};

describe("mails", () => {
  it.each([
    ["Subject: Hello\n world\nFrom: a\n\nBody.\n", "Subject: Hello world\n\nBody."],
    ["From a Mon\nFrom: a\n\nBody.", "Body."],
    ["Subject: s\r\n\r\nA\r\nB", "Subject: s\n\nA\nB"],
    [
      "Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\n\nCaf=C3=A9 =\ntime",
      "Café time",
    ],
    ['Content-Transfer-Encoding: base64\nContent-Type: text/plain; charset="iso-8859-1"\n\nQ2Fm6Q==', "Café"],
    ["\n\nCaf\xe9", "Café"],
    ["Content-Type: text/html\n\n<p>", "none: the mail has no plain text"],
    ["Content-Type: text/plain; charset=klingon\n\nx", "none: the mail's character set is not known"],
    [
      'Content-Type: multipart/alternative; boundary="b"\n\nintro\n--b\nContent-Type: text/html\n\n<p>\n--b\nContent-Type: text/plain\n\nPlain.\n--b--',
      "Plain.",
    ],
    [
      "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nInner\n--i--\n--o--",
      "Inner",
    ],
  ])("%j", (text, expected) => {
    expect(mail(text)).toBe(expected);
  });

  it("end, however deep their parts", () => {
    expect(mail(`${"Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(1000)}\nx`)).toBe("x");
    const nested = (depth: number): string =>
      depth === 0
        ? "\nx"
        : `Content-Type: multipart/mixed; boundary="b${depth}e"\n\n--b${depth}e\n${nested(depth - 1)}\n--b${depth}e--`;
    expect(mail(nested(5))).toBe("x");
    expect(mail(nested(200))).toBe("none: the mail has no plain text");
  });
});

describe("documents", () => {
  it("are records with a text, under the name that the source gives it", async () => {
    const lines = ['{"body":"a","license":"MIT"}', '{"body":3}', "[]", "torn", '{"body":"  "}'].join("\n");
    const { documents, rejected } = await readAll(
      DOCUMENTS,
      { "x.jsonl": lines, "readme.txt": "no" },
      { text: "body", language: "en" },
    );
    expect(documents).toEqual([{ text: "a", origin: "x.jsonl:1", form: "text", licence: "MIT", language: "en" }]);
    expect(rejected.map(({ where }) => where)).toEqual([2, 3, 4, 5].map((line) => `x.jsonl:${line}`));
  });

  it("never throw", async () => {
    await expectNoThrow(
      DOCUMENTS,
      { "x.jsonl": '{"text":"a"}\n{"text":"b","licence":"MIT"}', "y.json": '[{"text":"c"}]' },
      {},
    );
  });
});

const SOURCE =
  "// Adds two numbers and says so.\nexport function add(left, right) {\n  return left + right;\n}\n".repeat(4);

describe("code", () => {
  it("is what people wrote, with its language and its own word on its licence", async () => {
    const files = {
      "src/a.ts": SOURCE,
      "src/b.rs": `// SPDX-License-Identifier: MIT OR Apache-2.0\n${SOURCE}`,
      "notes.txt": "no code",
      "node_modules/x/a.js": SOURCE,
      "src/c.js": Buffer.concat([Buffer.from(SOURCE), Buffer.from([0xff])]),
    };
    const { documents, rejected } = await readAll(CODE, files, {});
    expect(documents.map(({ origin, language, licence, form }) => [origin, language, licence, form])).toEqual([
      ["src/a.ts", "TypeScript", undefined, "code"],
      ["src/b.rs", "Rust", "MIT OR Apache-2.0", "code"],
    ]);
    expect(rejected.map(({ where }) => where)).toEqual(["node_modules/x/a.js", "src/c.js"]);
  });

  it.each([
    ["a.js", SOURCE, null],
    ["a.min.js", SOURCE, "builds"],
    ["a.js", "x", "shorter"],
    ["a.js", `${SOURCE}${"x".repeat(1001)}`, "a line is longer"],
    ["a.js", `${"word ".repeat(30)}\n`.repeat(3), "on average"],
    ["a.js", `// Code generated by a tool. DO NOT EDIT.\n${SOURCE}`, "generated"],
    ["a.js", `/* @generated */\n${SOURCE}`, "generated"],
    ["a.js", `export default [\n${"[123, 456, 789],\n".repeat(50)}];`, "are letters"],
    ["a.js", `${"+-*/ ;;;; ,,,, ....\n".repeat(30)}`, "letters and digits"],
    ["a.js", `${SOURCE}// Übergrößenträger für alle\n`, null],
  ])("%s with %#: why it is left out", (path, text, why) => {
    const found = whyUnreadable(path, text);
    if (why === null) expect(found).toBeNull();
    else expect(found).toContain(why);
  });

  it("knows languages by the ends of names", () => {
    expect(["a.PY", "b.tsx", "c.cu", "Makefile", "d.unknown"].map(languageOf)).toEqual([
      "Python",
      "TypeScript",
      "Cuda",
      null,
      null,
    ]);
  });

  it("never throws", async () => {
    await expectNoThrow(CODE, { "a.js": SOURCE }, {});
  });
});

describe("small files", () => {
  it("go together up to a megabyte, in order, none lost", () => {
    const files = Array.from({ length: 50 }, (_, i) => ({ path: `${i}`, bytes: i === 20 ? 3_000_000 : 100_000 }));
    const units = gatherUnits(files);
    expect(units.flatMap((unit) => unit.files)).toEqual(files.map(({ path }) => path));
    for (const { files: own, bytes } of units) expect(own.length === 1 || bytes <= 2 ** 20).toBe(true);
    expect(units.length).toBeLessThan(12);
    expect(gatherUnits([])).toEqual([]);
  });
});
