/** Domain file reader: what is a document, what is rejected and how much of it, which files a path stands for, and fuzzing. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import {
  documentKey,
  emptyReport,
  isHeldOut,
  type ReadReport,
  readDocuments,
  type SourceDocument,
} from "../../src/corpus/documents.js";
import { readJsonLines } from "../../src/corpus/json-lines.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "documents-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function place(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function read(
  paths: readonly string[],
  skipInvalid = 0,
  report: ReadReport = emptyReport(),
): Promise<SourceDocument[]> {
  const documents: SourceDocument[] = [];
  for await (const document of readDocuments(paths, { skipInvalid, report })) documents.push(document);
  return documents;
}

const line = (text: unknown): string => `${JSON.stringify({ text })}\n`;

describe("JSON lines", () => {
  it("gives text, source, licence and place, passes over blank lines and needs no last newline", async () => {
    const path = await place(
      "a.jsonl",
      `{"text":"one","source":"s","licence":"MIT"}\r\n\n  \n{"text":"two","license":"ISC","n":1}`,
    );
    const report = emptyReport();
    expect(await read([path], 0, report)).toEqual([
      { text: "one", source: "s", licence: "MIT", where: `${path}:1` },
      { text: "two", source: null, licence: "ISC", where: `${path}:4` },
    ]);
    expect(report).toEqual({ documents: 2, bytes: 6, rejected: 0, examples: [] });
  });

  it("counts bytes of UTF-8, not characters", async () => {
    const report = emptyReport();
    await read([await place("bytes.jsonl", line("é🙂"))], 0, report);
    expect(report.bytes).toBe(6);
  });

  it("drops a byte-order mark", async () => {
    expect(await read([await place("bom.jsonl", `\ufeff${line("x")}`)])).toMatchObject([{ text: "x" }]);
  });

  it("joins lines and characters that span read buffers", async () => {
    const long = "é".repeat(700_000);
    const path = await place("long.jsonl", line(`a${long}`) + line(`bb${long}`) + line("end"));
    expect((await read([path])).map(({ text }) => text)).toEqual([`a${long}`, `bb${long}`, "end"]);
  });

  it("rejects a line over the limit, keeps the lines around it, and numbers them right", async () => {
    const path = await place("limit.jsonl", line("a") + line("x".repeat(3_000_000)) + line("b"));
    const records: unknown[] = [];
    for await (const record of readJsonLines(path, undefined, 100)) records.push(record);
    expect(records).toMatchObject([
      { documents: [{ text: "a", where: `${path}:1` }] },
      { rejected: { where: `${path}:2`, why: "the line is longer than 100 bytes" } },
      { documents: [{ text: "b", where: `${path}:3` }] },
    ]);
  });

  it("reads an empty file as no documents", async () => {
    expect(await read([await place("empty.jsonl", "")])).toEqual([]);
  });
});

describe("invalid records", () => {
  it.each([
    ["not JSON", '{"text": "cut', /not JSON/],
    ["not an object", "[1]", /not an object/],
    ["null", "null", /not an object/],
    ["no text", '{"tekst":"x"}', /no `text`/],
    ["text of another type", '{"text":["x"]}', /not a string/],
    ["empty text", '{"text":" \\n\\t"}', /is empty/],
    ["half of a surrogate pair", '{"text":"a\\ud83d"}', /surrogate/],
    ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22]), /not valid UTF-8/],
    [
      "UTF-8 cut at the end",
      Buffer.concat([Buffer.from('{"text":"a"}'), Buffer.from([0xe2, 0x82])]),
      /not valid UTF-8/,
    ],
  ])("%s throws with file and line where none may be skipped", async (_name, bad, why) => {
    const path = await place("bad.jsonl", Buffer.concat([Buffer.from(line("good")), Buffer.from(bad)]));
    const failure = await read([path]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).problems).toMatchObject([{ where: `${path}:2`, what: expect.stringMatching(why) }]);
  });

  it("are skipped up to the stated share, counted, and the first ones shown", async () => {
    const path = await place("share.jsonl", line("a").repeat(8) + "x\n".repeat(8));
    const report = emptyReport();
    expect(await read([path], 0.5, report)).toHaveLength(8);
    expect(report).toMatchObject({ documents: 8, rejected: 8 });
    expect(report.examples).toHaveLength(5);
    expect(report.examples[0]?.where).toBe(`${path}:9`);
    await expect(read([path], 0.49)).rejects.toThrow(
      /too many records[\s\S]*at most 49%[\s\S]*8 of 16 records \(50%\)[\s\S]*share.jsonl:9/,
    );
  });

  it("do not count across files that were given to different calls", async () => {
    const report = emptyReport();
    await read([await place("one-bad.jsonl", `${line("a").repeat(9)}x`)], 0.1, report);
    await read([await place("one-bad-too.jsonl", `${line("b").repeat(9)}x`)], 0.1, report);
    expect(report).toMatchObject({ documents: 18, rejected: 2 });
  });

  it("end the reading on the way once a thousand records are seen", async () => {
    const path = await place("way.jsonl", "x\n".repeat(1001) + line("a").repeat(100_000));
    const report = emptyReport();
    await expect(read([path], 0.5, report)).rejects.toThrow(/1001 of 1001/);
    expect(report.documents).toBe(0);
  });
});

describe("gzip", () => {
  const packed = gzipSync(line("one") + line("two"));

  it("is read by its extension, and so are members written one after the other", async () => {
    const path = await place("two.jsonl.gz", Buffer.concat([packed, gzipSync(line("three"))]));
    expect((await read([path])).map(({ text }) => text)).toEqual(["one", "two", "three"]);
  });

  it("cut short is an error that names the file, at every length", async () => {
    for (let length = 1; length < packed.length; length++) {
      const path = await place("cut.jsonl.gz", packed.subarray(0, length));
      await expect(read([path], 1), `${length} bytes`).rejects.toThrow(
        /cut.jsonl.gz: this gzip file is (cut short|damaged)/,
      );
    }
  });

  it("that is not gzip at all is an error", async () => {
    await expect(read([await place("not.ndjson.gz", line("a"))])).rejects.toThrow(/damaged[\s\S]*incorrect header/);
  });
});

describe("paths", () => {
  it("a folder stands for its known files and those below, sorted, without hidden ones", async () => {
    const root = join(folder, "tree");
    await mkdir(join(root, "b", "deep"), { recursive: true });
    await mkdir(join(root, ".hidden"), { recursive: true });
    await Promise.all([
      writeFile(join(root, "c.ndjson"), line("c")),
      writeFile(join(root, "b", "deep", "b.jsonl"), line("b")),
      writeFile(join(root, "a.jsonl.gz"), gzipSync(line("a"))),
      writeFile(join(root, "c.jsonl.partial-1-ab"), "half written"),
      writeFile(join(root, "README.md"), "no document"),
      writeFile(join(root, ".hidden", "x.jsonl"), line("hidden")),
    ]);
    expect((await read([root])).map(({ text }) => text)).toEqual(["a", "b", "c"]);
  });

  it("that name a file twice are refused, also through a link", async () => {
    const path = await place("twice.jsonl", line("a"));
    const link = join(folder, "link.jsonl");
    await symlink(path, link);
    await expect(read([path, path])).rejects.toThrow(/named twice/);
    await expect(read([path, link])).rejects.toThrow(/named twice/);
  });

  it.each([
    ["absent.jsonl", /absent.jsonl: cannot read this path \(ENOENT\)/],
    ["note.txt", /note.txt: this kind of file is not known[\s\S]*\.jsonl, .*\.parquet/],
    ["void", /void: this folder holds no domain files/],
  ])("%s is an error that says why", async (name, message) => {
    await place("note.txt", "text");
    await mkdir(join(folder, "void"), { recursive: true });
    await expect(read([join(folder, name)])).rejects.toThrow(message);
  });
});

describe("held-out share", () => {
  it("is decided by the text alone and close to the share", () => {
    const texts = Array.from({ length: 4000 }, (_, i) => `document ${i}`);
    const heldOut = texts.filter((text) => isHeldOut(text, 0.25)).length;
    // Four standard deviations of a binomial(4000, 1/4): 4·√(4000·0.25·0.75) ≈ 110.
    expect(Math.abs(heldOut - 1000)).toBeLessThan(110);
    expect(texts.filter((text) => isHeldOut(text, 0))).toEqual([]);
    expect(texts.filter((text) => isHeldOut(text, 1))).toEqual(texts);
  });

  it("grows without moving a document back to training", () => {
    fc.assert(fc.property(fc.string(), (text) => !isHeldOut(text, 0.1) || isHeldOut(text, 0.2)));
  });

  it("keys are SHA-256 of the UTF-8 text", () => {
    expect(documentKey("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("fuzzing", () => {
  const anyLine = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((json) => Buffer.from(json)),
    fc.record({ text: fc.string({ unit: "binary" }) }).map((fields) => Buffer.from(JSON.stringify(fields))),
  );

  it.each(["jsonl", "jsonl.gz", "parquet"])(
    "arbitrary bytes as .%s give documents or a UserError",
    async (extension) => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
          const path = await place(`fuzz.${extension}`, bytes);
          await read([path], 1).catch((error: unknown) => {
            if (!(error instanceof UserError)) throw error;
          });
        }),
      );
    },
  );

  it("every line that is not blank is either a document or rejected", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyLine, { maxLength: 20 }), async (lines) => {
        const bytes = Buffer.concat(lines.flatMap((content) => [content, Buffer.from("\n")]));
        const report = emptyReport();
        const documents = await read([await place("lines.jsonl", bytes)], 1, report);
        const blank = (text: string): boolean => /^\ufeff?\s*$/.test(text);
        const expected = bytes
          .toString("latin1")
          .split("\n")
          .filter((text) => !blank(Buffer.from(text, "latin1").toString()));
        expect(report.documents + report.rejected).toBe(expected.length);
        for (const { text } of documents) expect(Buffer.from(text).toString()).toBe(text);
      }),
    );
  });
});
