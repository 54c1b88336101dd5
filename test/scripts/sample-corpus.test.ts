/** The text and code domains of the sample corpus, and the folder they are written to, from tiny made-up inputs. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeDocuments, isReadableSource } from "../../scripts/sample-corpus/code.js";
import { completeSample, summaryTable, writeDomain, writeStamp } from "../../scripts/sample-corpus/sample-folder.js";
import { addressDocuments, brownText } from "../../scripts/sample-corpus/text.js";
import { emptyReport, readDocuments } from "../../src/corpus/documents.js";

describe("text", () => {
  it.each([
    ["\tThe/at jury/nn said/vbd ,/, ``/`` Why/wrb not/* ?/. ?/. ''/''", 'The jury said, "Why not?"'],
    ["\t``/`` Yes/rb ''/'' ,/, he/pps said/vbd ./.", '"Yes," he said.'],
    ["\tone/cd (/( two/cd )/) ;/. ;/. three/cd --/-- four/cd", "one (two); three -- four"],
    ["\tand/or/cc **zg/nn 1/2/cd", "and/or 1/2"],
    ["\tcalled/vbn '/' here/rb '/' ./.", "called 'here'."],
    ["\tA/at b/nn ./.\nC/at d/nn ./.\n\n\tE/at f/nn ./.", "A b. C d.\n\nE f."],
    ["\t(/( A/at b/nn ./.\n)/)", "(A b.)"],
  ])("turns %j into prose", (tagged, prose) => {
    expect(brownText(tagged)).toBe(prose);
  });

  it("names an address by year and speaker, and closes its double blanks", () => {
    const files = new Map([["data/1990_jane_doe_x.txt", " My  friends: hello. "]]);
    expect([...addressDocuments(files, "CC0")]).toEqual([
      { text: "My friends: hello.", source: "state-of-the-union/1990_jane_doe", licence: "CC0" },
    ]);
  });
});

describe("code", () => {
  const readable = "// Copyright\nexport function add(left, right) {\n  return left + right;\n}\n".repeat(5);

  it("keeps readable files whole and leaves out minified, tiny, binary and table files", () => {
    expect(isReadableSource(readable)).toBe(true);
    expect(isReadableSource(readable.replaceAll("\n", " "))).toBe(false);
    expect(isReadableSource("export {};")).toBe(false);
    expect(isReadableSource(`${readable}\0`)).toBe(false);
    expect(isReadableSource(`export default [\n${"[123, 456, 789],\n".repeat(50)}];`)).toBe(false);
    const files = new Map([
      ["b.js", readable],
      ["a.js", "x"],
    ]);
    expect([...codeDocuments(files, "p@1", "MIT")]).toEqual([{ text: readable, source: "p@1/b.js", licence: "MIT" }]);
  });
});

describe("the folder", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sample-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const document = (text: string): { text: string; source: string; licence: string } => ({
    text,
    source: "s",
    licence: "MIT",
  });

  it("holds no text twice, in one domain or in two, and reads back as documents", async () => {
    const seen = new Set<string>();
    const first = await writeDomain(folder, "one", [document("a"), document("é"), document("a")], seen);
    const second = await writeDomain(folder, "two", [document("é"), document("b")], seen);
    expect(first).toMatchObject({ documents: 2, bytes: 3, duplicates: 1, licences: ["MIT"] });
    expect(second).toMatchObject({ documents: 1, bytes: 1, duplicates: 1 });
    const texts: string[] = [];
    for await (const { text } of readDocuments([folder], { skipInvalid: 0, report: emptyReport() })) texts.push(text);
    expect(texts).toEqual(["a", "é", "b"]);
  });

  it("is complete only with its stamp, for the same recipe, and while its files are unchanged", async () => {
    expect(await completeSample(folder, "r1")).toBeNull();
    const domains = [await writeDomain(folder, "one", [document("a")], new Set())];
    await writeStamp(folder, "r1", domains);
    expect(await completeSample(folder, "r1")).toEqual(domains);
    expect(await completeSample(folder, "r2")).toBeNull();
    const path = join(folder, "one.jsonl");
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(1));
    expect(await completeSample(folder, "r1")).toBeNull();
    await rm(path);
    expect(await completeSample(folder, "r1")).toBeNull();
  });

  it("is summed up in a table", () => {
    const domain = { domain: "text", documents: 2, bytes: 4000, duplicates: 1, licences: ["MIT"], file: "" };
    expect(
      summaryTable([domain, { ...domain, domain: "code" }])
        .split("\n")
        .map((row) => row.trim().split(/\s{2,}/)),
    ).toEqual([
      ["domain", "documents", "bytes", "tokens (est.)", "duplicates", "licence"],
      ["text", "2", "4,000", "1,000", "1", "MIT"],
      ["code", "2", "4,000", "1,000", "1", "MIT"],
      ["all", "4", "8,000", "2,000", "2"],
    ]);
  });
});
