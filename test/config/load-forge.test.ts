/** The plan of a forge: what is filled in, and what is refused with its line. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { messageOf } from "../../src/base/errors.js";
import type { ForgePlan } from "../../src/config/forge-plan.js";
import { loadForgePlan } from "../../src/config/load-forge.js";
import { forgeSchema } from "../../src/config/schema-forge.js";
import { schemaKeys } from "../../src/config/schema-walk.js";
import { DEFAULT_CONTAMINATION, DEFAULT_FIELDS } from "../../src/corpus/contamination/settings.js";
import { DEFAULT_DEDUP, DEFAULT_REPEATS } from "../../src/corpus/dedup/settings.js";
import { SOURCE_KINDS } from "../../src/corpus/forge/source-kinds.js";
import { DEFAULT_RULES } from "../../src/corpus/rules/settings.js";

const configs = fileURLToPath(new URL("../../configs", import.meta.url));

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forge-plan-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(text: string, overrides: readonly string[] = []): Promise<ForgePlan> {
  const path = join(folder, "forge.yaml");
  writeFileSync(path, text);
  return loadForgePlan(path, overrides);
}

async function complaint(text: string, overrides: readonly string[] = []): Promise<string> {
  const error = await load(text, overrides).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return messageOf(error).replaceAll(`${folder}/`, "");
}

const SMALL = `output: out
sources:
  notes: { kind: text, paths: [notes], domain: text }
`;

describe("the plan of a forge", () => {
  it.each(readdirSync(configs).filter((name) => name.startsWith("forge-")))("is configs/%s", async (name) => {
    const plan = await loadForgePlan(join(configs, name));
    expect(plan.sources.length).toBeGreaterThan(0);
    for (const { from } of plan.sources) expect(from).toHaveProperty("pinned.integrity");
  });

  it("has defaults for all but output and sources", async () => {
    const plan = await load(SMALL);
    expect(plan).toMatchObject({
      ...{ output: resolve("out"), work: resolve("out-work"), cache: resolve(".cache/packages"), partitions: 16 },
      ...{ tokenizer: null, retrieve: null, filter: null, decontaminate: null },
      rules: { quality: ["text"], words: { text: { least: 50, most: 100_000 } } },
      dedup: { across: true, exact: true, near: { similarity: 0.8 }, sources: ["notes"] },
    });
    expect(plan.sources).toEqual([
      {
        ...{ name: "notes", kind: "text", from: { paths: ["notes"] }, include: [], exclude: [], licence: null },
        ...{ domain: "text", keep: { numerator: 1, denominator: 1 }, settings: { layout: "plain", language: null } },
      },
    ]);
  });

  it("has the defaults that the steps state", async () => {
    const sections = "dedup: { repeats: {} }\ndecontaminate: { sets: { bench: { paths: [bench] } } }";
    const { rules, dedup, decontaminate } = await load(`${SMALL}${sections}`);
    expect(rules).toEqual(DEFAULT_RULES);
    expect(dedup).toEqual({ ...DEFAULT_DEDUP, repeats: DEFAULT_REPEATS, sources: ["notes"] });
    const sets = [{ name: "bench", paths: ["bench"], fields: DEFAULT_FIELDS }];
    expect(decontaminate).toEqual({ ...DEFAULT_CONTAMINATION, sets });
  });

  it("leaves out the steps that `skip` names", async () => {
    const plan = await load(SMALL, ["skip=[dedup, rules]"]);
    expect(plan.dedup).toBeNull();
    expect(plan.rules).toBeNull();
  });

  it("knows every kind that there is a reader for, and no other", () => {
    const text = "x";
    const kinds = Object.keys(SOURCE_KINDS).map((kind) => ({ kind, paths: text, domain: text, format: "openai" }));
    for (const { kind, format, ...source } of kinds) {
      const sources = {
        a: {
          kind,
          ...source,
          ...(kind === "trajectories" ? { format } : {}),
          ...(kind === "declarations" ? { host: text, api: text } : {}),
        },
      };
      expect(forgeSchema.safeParse({ output: text, sources }).error?.issues ?? []).toEqual([]);
    }
    expect(
      forgeSchema.safeParse({ output: text, sources: { a: { kind: "tea", paths: text, domain: text } } }).success,
    ).toBe(false);
  });

  it.each([
    ["output: out\nsources: {}", "there is no source"],
    [
      "output: out\nsources:\n  a: { kind: text, domain: text }",
      "forge.yaml:3 sources.a: this source says nothing of where its files are",
    ],
    ["output: out\nsources:\n  a: { kind: text, domain: text, paths: [a], package: b@1.0.0 }", "not both"],
    ["output: out\nsources:\n  a: { kind: text, domain: text, package: b@1.0.0 }", "a package needs its `integrity`"],
    ["output: out\nsources:\n  a: { kind: text, domain: text, package: b@^1.0.0 }", "a package and its exact version"],
    [
      "output: out\nsources:\n  a: { kind: text, domain: text, paths: [a], integrity: sha512-x }",
      "the package's integrity",
    ],
    [`${SMALL}skip: [dedupe]`, "did you mean `dedup`?"],
    [`${SMALL}dedup: { near: { similarty: 0.7 } }`, "did you mean `similarity`?"],
    [`${SMALL}dedup: { near: { similarity: 0 } }`, "a share above 0, at most 1"],
    [
      "output: out\nsources:\n  a: { kind: text, domain: text, paths: [a], format: openai }",
      "`format` belongs to `kind: trajectories`",
    ],
    [`${SMALL}tokenizer: no/such/file`, "forge.yaml:4 tokenizer: cannot read this file (ENOENT)"],
  ])("refuses %j", async (text, expected) => {
    expect(await complaint(text)).toContain(expected);
  });

  it("tells all problems at once", async () => {
    const text = await complaint(
      "output: 3\nsources:\n  a: { kind: text, domain: Text, paths: [a] }\n  b: { kind: text, domain: text }",
    );
    expect(text).toContain("sources.a.domain");
    expect(text).toContain("sources.b");
  });
});

describe("docs/forge.md", () => {
  const page = readFileSync(new URL("../../docs/forge.md", import.meta.url), "utf8");
  const rows = page
    .slice(page.indexOf("## Every key"))
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => (line.split("|")[1] ?? "").trim().replaceAll("`", ""));

  it("lists every key of the schema once, and nothing else", () => {
    expect(rows.toSorted()).toEqual([...new Set(schemaKeys(forgeSchema).map(({ path }) => path))].toSorted());
  });
});
