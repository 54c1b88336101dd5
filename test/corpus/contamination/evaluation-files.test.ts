import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import {
  evaluationFiles,
  evaluationFingerprints,
  readItems,
} from "../../../src/corpus/contamination/evaluation-files.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "evaluation-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
}
const setOf = (paths: string[], fields: string[] = ["question", "extra.note"]) => ({ name: "set", paths, fields });
async function read(paths: string[], fields?: string[]): Promise<string[][]> {
  const items: string[][] = [];
  for await (const { texts } of readItems(setOf(paths, fields))) items.push([...texts]);
  return items;
}

it("reads fields that are texts, lists, messages and turns, from every format", async () => {
  const records = [
    { question: "plain", other: "not this" },
    { question: [[{ role: "user", content: "first" }], [{ role: "user", content: "second" }]] },
    { question: { content: [{ type: "text", text: "part" }] }, extra: { note: "note" } },
    { other: "nothing" },
  ];
  const expected = [["plain"], ["first", "second"], ["text", "part", "note"], []];
  const lines = records.map((record) => JSON.stringify(record)).join("\n");
  expect(await read([write("a.jsonl", lines)])).toEqual(expected);
  expect(await read([write("b.jsonl.gz", gzipSync(lines))])).toEqual(expected);
  expect(await read([write("c.json", JSON.stringify(records))])).toEqual(expected);
  expect(await read([write("lines.json", lines)])).toEqual(expected);
  expect(await read([write("d.json", JSON.stringify(records[0]))])).toEqual([["plain"]]);
  expect(await read([write("e.txt", "One\ntwo.\n \nThree.\n\n\n")])).toEqual([["One\ntwo."], ["Three."]]);
  const parquet = parquetWriteBuffer({ columnData: [{ name: "question", data: ["x", "y"], type: "STRING" }] });
  expect(await read([write("f.parquet", new Uint8Array(parquet))])).toEqual([["x"], ["y"]]);
});

it("walks folders in order, and fingerprints the content", async () => {
  const paths = [write("tree/b/x.jsonl", "{}"), write("tree/a.json", "[]"), write("tree/readme.md", "no")];
  expect(await evaluationFiles(setOf([join(folder, "tree")]))).toEqual([paths[1], paths[0]]);
  const { set } = await evaluationFingerprints([setOf([join(folder, "tree")])]);
  expect(set).toHaveLength(2);
  expect(new Set(set).size).toBe(2);
});

it("refuses whatever would leave an item unseen", async () => {
  const cases: [paths: string[], message: RegExp][] = [
    [[join(folder, "absent.jsonl")], /ENOENT/],
    [[join(write("folder/x.json/y.pdf", ""), "..", "..")], /EISDIR/],
    [[write("only/readme.pdf", "no")], /no file here that can be read/],
    [[write("broken.jsonl", '{"question": "x"}\n{"question')], /broken.jsonl:2/],
    [[write("list.jsonl", "[1]\n3\n")], /not an object/],
    [[write("broken.json", "{")], /broken.json:1: .*not JSON/],
    [[write("latin.json", Uint8Array.of(0x22, 0xe9, 0x22))], /UTF-8/],
    [[write("latin.txt", Uint8Array.of(0xe9, 0x20))], /UTF-8/],
    [[write("fields.jsonl", '{"text": "x"}')], /no text in this file[\s\S]*extra.note/],
    [[write("deep.json", `${'{"question":'.padEnd(12)}${"[".repeat(200)}${"]".repeat(200)}}`)], /nested deeper/],
  ];
  for (const [paths, message] of cases) {
    const error = await read(paths).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(message);
  }
});

it("of any bytes gives texts or a user's error", async () => {
  const good = {
    jsonl: '{"question": "x"}\n'.repeat(3),
    json: '[{"question": ["x", {"content": "y"}]}]',
    txt: "a\n\nb",
  };
  const parquet = parquetWriteBuffer({ columnData: [{ name: "question", data: ["x", "y"], type: "STRING" }] });
  const whole = { ...good, parquet: new Uint8Array(parquet) };
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("jsonl", "json", "txt", "parquet"),
      fc.array(change),
      fc.nat(),
      async (kind, changes, cut) => {
        const bytes = Uint8Array.from(Buffer.from(whole[kind]));
        for (const [place, value] of changes) bytes[place % bytes.length] = value;
        const path = write(`any.${kind}`, bytes.subarray(0, cut % (2 * bytes.length)));
        await read([path]).catch((error: unknown) => expect(error).toBeInstanceOf(UserError));
      },
    ),
    { numRuns: 150 },
  );
});

it("of any JSON gives texts or a user's error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.constantFrom("json", "jsonl"), async (value, format) => {
      const path = write(`any.${format}`, JSON.stringify({ question: value }));
      await read([path]).catch((error: unknown) => expect(error).toBeInstanceOf(UserError));
    }),
    { numRuns: 60 },
  );
});
