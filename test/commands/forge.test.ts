/** The forge as its user meets it: a plan and some files in, a corpus out, through the command line. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { main } from "../../src/cli.js";
import type { Datasheet } from "../../src/corpus/forge/datasheet.js";
import { captured } from "../end-to-end/project.js";

const CLI = join(import.meta.dirname, "../../dist/cli.js");

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "forge-command-"));
  writeSources(root);
});
afterEach(() => rmSync(root, { recursive: true }));

const WORDS =
  "the of and to with that have be river stone morning letter garden window answer question paper market winter".split(
    " ",
  );

/** Sentences that are all different, from a seed. */
function prose(seed: number, sentences = 12): string {
  let state = seed * 2654435761 + 1;
  const word = (): string => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return WORDS[state % WORDS.length];
  };
  const sentence = (): string => Array.from({ length: 9 }, word).join(" ");
  return `${Array.from({ length: sentences }, (_, i) => `${sentence()} ${seed * 100 + i}`).join(". ")}.`;
}

/** Some letters with copies and near copies, records of which one is torn, an API, and mails that are partly like it. */
function writeSources(folder: string): void {
  for (const name of ["letters", "apis", "pool"]) mkdirSync(join(folder, name));
  for (let i = 0; i < 12; i++) writeFileSync(join(folder, "letters", `${i}.txt`), prose(i));
  writeFileSync(join(folder, "letters", "copy.txt"), prose(3));
  writeFileSync(join(folder, "letters", "near.txt"), prose(4).replace(/\w+\.$/, "otherwise."));
  writeFileSync(join(folder, "letters", "short.txt"), "Too short.");
  const records = Array.from({ length: 6 }, (_, i) => JSON.stringify({ text: prose(50 + i), licence: "MIT" }));
  writeFileSync(join(folder, "records.jsonl"), [...records, '{"text": torn', "{}"].join("\n"));
  const operation = (i: number) => ({
    get: {
      operationId: `getThing${i}`,
      description: `Returns thing number ${i} of the shelf, with its parameters and properties, as an object. ${prose(80 + i, 2)}`,
      responses: { 200: { description: "a thing" } },
    },
  });
  const paths = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`/things/${i}`, operation(i)]));
  writeFileSync(
    join(folder, "apis", "shelf.json"),
    JSON.stringify({ openapi: "3.0.0", info: { title: "Shelf" }, servers: [{ url: "https://shelf.example" }], paths }),
  );
  for (let i = 0; i < 10; i++) {
    const like = `API parameters properties object thing shelf Returns ${i}: `.repeat(3);
    writeFileSync(join(folder, "pool", `${i}.txt`), `${i < 3 ? like : ""}${prose(200 + i)}`);
  }
}

function plan(folder = root, more = ""): string {
  const path = join(folder, "forge.yaml");
  writeFileSync(
    path,
    `output: ${join(folder, "corpus")}
partitions: 3
sources:
  letters: { kind: text, paths: ["${join(root, "letters")}"], domain: text, licence: CC0-1.0 }
  records: { kind: documents, paths: ["${join(root, "records.jsonl")}"], domain: text }
  shelf: { kind: openapi, paths: ["${join(root, "apis")}"], domain: agent, licence: MIT, styles: [prose] }
  pool: { kind: text, paths: ["${join(root, "pool")}"], domain: web }
retrieve: { seeds: { sources: [shelf] }, pool: { sources: [pool] }, keep: 0.3 }
rules: { repetition: [], quality: [] }
${more}`,
  );
  return path;
}

async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [captured(), captured()];
  const code = await main(["forge", ...args], { out, err, onSignal: () => () => {}, abort: () => {} });
  return { code, out: out.text, err: err.text };
}

/** Every file of a corpus by its path. */
function corpusOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.filter((name) => /\.\w+$/.test(name)).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );
}

function documentsOf(folder: string, domain: string): { text: string; source: string; licence: string | null }[] {
  const files = readdirSync(join(folder, domain)).map((name) => readFileSync(join(folder, domain, name), "utf8"));
  return files.flatMap((text) =>
    text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  );
}

const sheetOf = (folder: string): Datasheet => JSON.parse(readFileSync(join(folder, "datasheet.json"), "utf8"));

describe("hephaestus forge", () => {
  it("makes domain files, a datasheet and a page", async () => {
    const { code, out } = await run("--config", plan(), "--workers", "1");
    expect(code).toBe(0);
    const corpus = join(root, "corpus");
    const text = documentsOf(corpus, "text");
    // Twelve letters and six records; the copy, the near copy and the short one are gone.
    expect(text.length).toBe(18);
    expect(new Set(text.map(({ licence }) => licence))).toEqual(new Set(["CC0-1.0", "MIT"]));
    expect(documentsOf(corpus, "agent").length).toBe(8);
    expect(
      documentsOf(corpus, "web")
        .map(({ source }) => source.split("/").at(-1))
        .sort(),
    ).toEqual(["0.txt", "1.txt", "2.txt"]);
    const sheet = sheetOf(corpus);
    expect(sheet.operations).toMatchObject({ distinct: 8, hosts: 1 });
    expect(sheet.total.documents).toBe(29);
    const [sources, rules, , dedup] = sheet.steps;
    expect(Object.values(sources.rejected).reduce((a, b) => a + b)).toBe(2);
    expect(rules.reasons).toEqual({ "length: fewer than 50 words": { documents: 1, bytes: 10 } });
    expect(dedup.dropped.documents).toBe(2);
    for (const step of sheet.steps.slice(1))
      expect(step.kept.documents + step.dropped.documents).toBe(
        sheet.steps[sheet.steps.indexOf(step) - 1].kept.documents,
      );
    expect(out).toContain("8 distinct operations of 1 hosts");
    expect(readFileSync(join(corpus, "report.html"), "utf8")).toContain("<svg");
    expect(readFileSync(join(corpus, "datasheet.md"), "utf8")).toContain("| shelf.example | 8 |");
  });

  it("does nothing a second time, and shares the work of a plan that differs in one step", async () => {
    await run("--config", plan(), "--workers", "1");
    const again = await run("--config", plan(), "--workers", "1");
    expect(again.out).toContain("up to date; datasheet.md");
    const without = await run(
      "--config",
      plan(),
      "--workers",
      "1",
      "--set",
      "skip=[dedup]",
      "--set",
      `output=${join(root, "other")}`,
      "--set",
      `work=${join(root, "corpus-work")}`,
    );
    expect(without.out).toContain("retrieve/apply: up to date");
    expect(documentsOf(join(root, "other"), "text").length).toBe(20);
  });

  it("counts tokens with a tokenizer that is named", async () => {
    const { code, err } = await run("--config", plan(root, "tokenizer: nowhere.json"), "--workers", "1");
    expect(code).toBe(2);
    expect(err).toContain("tokenizer: cannot read this file");
  });

  it("shows random documents of a step, and what it dropped and why", async () => {
    await run("--config", plan(), "--workers", "1");
    const kept = await run("--config", plan(), "--sample", "rules", "--count", "3", "--source", "shelf");
    expect(kept.out.match(/^=== shelf\/.*\[agent, tool-documentation prose, MIT\]$/gm)).toHaveLength(3);
    const dropped = await run("--config", plan(), "--sample", "dedup", "--dropped");
    expect(dropped.out).toMatch(/=== letters\/\S*copy\.txt \[text, text, CC0-1.0, dropped: exact duplicate/);
    const other = await run("--config", plan(), "--sample", "rules", "--count", "5", "--seed", "1");
    expect(other.out).not.toBe((await run("--config", plan(), "--sample", "rules", "--count", "5")).out);
    expect((await run("--config", plan(), "--sample", "tea")).err).toContain("sources, rules, retrieve, dedup");
  });

  it("lists its phases for drivers, and runs them one by one", async () => {
    const { out } = await run("--config", plan(), "--phases");
    const phases = out
      .trim()
      .split("\n")
      .map((line) => line.split("\t"));
    expect(phases).toContainEqual(["retrieve/choose", "1"]);
    expect(phases.at(-1)).toEqual(["domains/write", "3"]);
    for (const [phase, tasks] of phases)
      for (let part = 1; part <= Math.min(2, Number(tasks)); part++)
        expect(
          (
            await run(
              "--config",
              plan(),
              "--workers",
              "1",
              "--phase",
              phase,
              "--part",
              `${part}/${Math.min(2, Number(tasks))}`,
            )
          ).code,
        ).toBe(0);
    expect((await run("--config", plan(), "--workers", "1")).out).not.toMatch(/tasks in/);
    const parts = corpusOf(join(root, "corpus"));
    const alone = join(root, "alone");
    mkdirSync(alone);
    await run("--config", plan(alone), "--workers", "1");
    expect(corpusOf(join(alone, "corpus"))).toEqual(parts);
  });

  it("refuses an output folder that it did not write, and a wrong part", async () => {
    mkdirSync(join(root, "corpus"));
    writeFileSync(join(root, "corpus", "precious.txt"), "x");
    expect((await run("--config", plan(), "--workers", "1")).err).toContain(
      "holds something that a forge did not write",
    );
    expect(existsSync(join(root, "corpus", "precious.txt"))).toBe(true);
    expect((await run("--config", plan(), "--part", "3/2")).code).toBe(2);
  });

  it("names a path that is not there and a source without a file of its kind", async () => {
    rmSync(join(root, "apis"), { recursive: true });
    mkdirSync(join(root, "apis"));
    rmSync(join(root, "letters"), { recursive: true });
    const { code, err } = await run("--config", plan(), "--workers", "1");
    expect(code).toBe(2);
    expect(err).toContain("there is no such file or folder");
    expect(err).toContain("sources.shelf");
  });
});

describe("processes that share a forge", () => {
  function start(config: string, ...args: readonly string[]): ChildProcess & { ended: Promise<number | null> } {
    const child = spawn(process.execPath, [CLI, "forge", "--config", config, "--workers", "2", ...args], {
      stdio: "ignore",
    });
    return Object.assign(child, {
      ended: new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code))),
    });
  }

  it("make the same bytes with threads, in parts, and killed and started again at any moment", async () => {
    const alone = join(root, "alone");
    mkdirSync(alone);
    expect(await start(plan(alone)).ended).toBe(0);
    const expected = corpusOf(join(alone, "corpus"));
    const shared = join(root, "shared");
    mkdirSync(shared);
    const config = plan(shared);
    const first = start(config, "--part", "1/3");
    const third = start(config, "--part", "3/3");
    for (const milliseconds of [300, 900]) {
      const second = start(config, "--part", "2/3");
      await delay(milliseconds);
      second.kill("SIGKILL");
      await second.ended;
    }
    expect(await start(config, "--part", "2/3").ended).toBe(0);
    expect(await Promise.all([first.ended, third.ended])).toEqual([0, 0]);
    expect(corpusOf(join(shared, "corpus"))).toEqual(expected);
  });

  it("goes on to the same bytes after a kill -9 of the only one", async () => {
    const alone = join(root, "alone");
    mkdirSync(alone);
    expect(await start(plan(alone)).ended).toBe(0);
    const killed = join(root, "killed");
    mkdirSync(killed);
    const config = plan(killed);
    for (const milliseconds of [400, 900]) {
      const child = start(config);
      await delay(milliseconds);
      child.kill("SIGKILL");
      await child.ended;
    }
    expect(await start(config).ended).toBe(0);
    expect(corpusOf(join(killed, "corpus"))).toEqual(corpusOf(join(alone, "corpus")));
  });
});
