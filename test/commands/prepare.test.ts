import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lockFolder } from "../../src/base/folder-lock.js";
import { prepare } from "../../src/commands/prepare.js";
import type { DomainPlan, Plan } from "../../src/config/plan.js";
import { type Fixture, makeFixture, TEXTS } from "../data/prepare/prepare-fixture.js";

/** The part of a plan that `prepare` looks at. */
function planOf({ root, input }: Fixture): Pick<Plan, "data"> {
  const folder = join(root, "data");
  const domain = (name: string, paths: readonly string[]): DomainPlan => ({
    name,
    shards: join(folder, name, "train"),
    heldOutShards: join(folder, name, "held-out"),
    documents: { paths, heldOut: 0.2, conversations: null },
  });
  const elsewhere = { name: "elsewhere", shards: join(root, "nowhere"), heldOutShards: null, documents: null };
  const tokenizer = {
    kind: "train",
    vocabulary: 300,
    sampleBytes: 20_000,
    path: join(folder, "tokenizer.json"),
  } as const;
  const domains = [domain("agent", [input]), domain("text", [join(root, "text.jsonl")]), elsewhere];
  return { data: { folder, tokenizer, domains } };
}

async function run(plan: Pick<Plan, "data">, changed: object = {}) {
  const lines: string[] = [];
  const live: string[] = [];
  const report = await prepare(plan, {
    workers: 1,
    skipInvalid: 0.1,
    force: false,
    write: (line) => lines.push(line),
    progress: (text) => live.push(text),
    ...changed,
  });
  return { report, lines, live, text: lines.join("\n") };
}

describe("hephaestus prepare", () => {
  it("trains the tokenizer, writes every domain and prints a table", async () => {
    await using fixture = await makeFixture();
    const marked = TEXTS.map((text) => JSON.stringify({ text: `${text} <|endoftext|>` }));
    await writeFile(join(fixture.root, "text.jsonl"), [...marked, marked[0], "{}"].join("\n"));
    const { report, lines, live, text } = await run(planOf(fixture));
    expect(report.tokenizer.outcome).toBe("trained");
    expect(report.domains.map(({ manifest, outcome }) => [manifest.domain, outcome])).toEqual([
      ["agent", "written"],
      ["text", "written"],
    ]);
    expect(text).toContain("tokenizer: trained on 19.5 KiB");
    expect(text).toContain("text: 80 documents spell a special token");
    expect(text).toMatch(/text: left out .*text\.jsonl:82/);
    const table = lines.slice(-3).map((line) => line.split(/ {2,}/));
    expect(table[0]).toEqual([
      "domain",
      "documents",
      "held out",
      "tokens",
      "held-out tokens",
      "bytes/token",
      "MB/s per core",
      "rejected",
      "duplicates",
    ]);
    const { documents, heldOutDocuments } = report.domains[1].manifest.counts;
    expect(documents).toBe(80);
    expect([table[2][0], table[2][1], table[2][2]]).toEqual([
      "text",
      String(80 - heldOutDocuments),
      String(heldOutDocuments),
    ]);
    expect(table[2].slice(-2)).toEqual(["1", "1"]);
    expect(live.some((line) => line.startsWith("text: "))).toBe(true);
  });

  it("says that everything is up to date, and nothing else happens", async () => {
    await using fixture = await makeFixture();
    await writeFile(join(fixture.root, "text.jsonl"), await readFile(fixture.input));
    const plan = planOf(fixture);
    await run(plan);
    const { report, text } = await run(plan);
    expect(report.domains.map(({ outcome }) => outcome)).toEqual(["kept", "kept"]);
    expect(text).toContain("tokenizer: up to date");
    expect(text).toContain("agent: up to date");
    const forced = await run(plan, { force: true });
    expect(forced.report.domains.map(({ outcome }) => outcome)).toEqual(["written", "written"]);
  });

  it("goes on where an interrupted run stopped", async () => {
    await using fixture = await makeFixture();
    await writeFile(join(fixture.root, "text.jsonl"), await readFile(fixture.input));
    const progress = (line: string): void => {
      if (line.startsWith("text: ")) throw new Error("stopped");
    };
    await expect(run(planOf(fixture), { progress })).rejects.toThrow("stopped");
    const { report } = await run(planOf(fixture));
    expect(report.tokenizer.outcome).toBe("kept");
    expect(report.domains[0].outcome).toBe("kept");
    expect(report.domains[1].outcome).toBe("written");
  });

  it("refuses a folder in which another prepare is at work", async () => {
    await using fixture = await makeFixture();
    const plan = planOf(fixture);
    await using _lock = await lockFolder(plan.data.folder, "prepare");
    await expect(run(plan)).rejects.toThrow(/another prepare is at work in this folder/);
  });
});
