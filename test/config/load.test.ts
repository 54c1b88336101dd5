import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { UserError } from "../../src/base/errors.js";
import { loadPlan, planOf } from "../../src/config/load.js";
import { complaint, loadText, SMALL } from "./temporary-plan.js";

const configs = fileURLToPath(new URL("../../configs", import.meta.url));
const quickstart = join(configs, "quickstart.yaml");

describe("loadPlan", () => {
  it.each(readdirSync(configs).filter((name) => /^(?!forge-|mix-).*\.yaml$/.test(name)))(
    "loads configs/%s",
    async (name) => {
      // The models that they continue are not here.
      const { model } = await loadText(SMALL);
      const { from: _, initialDeviation: __, padVocabularyTo: ___, ...shape } = { ...model, maxLength: 131_072 };
      const readBase = (folder: string) => ({ folder, modelType: "llama", vocabulary: 128_256, shape, ignored: [] });
      const { plan } = await loadPlan(join(configs, name), [], { readBase });
      expect(name).toBe(`${plan.run}.yaml`);
    },
  );

  it("resolves the quickstart's numbers", async () => {
    const { plan } = await loadPlan(quickstart, [], { root: "/root" });
    expect(plan.stages.map(({ steps, tokens, rowsPerStep }) => [steps, tokens, rowsPerStep])).toEqual([
      [586, 1_200_128, 8],
      [196, 401_408, 8],
    ]);
    expect(plan.stages.map((stage) => stage.schedule)).toEqual([
      { kind: "wsd", warmup: 30, start: 0, peak: 0.004, min: 0.0004, decay: { form: "1-sqrt", steps: 117 } },
      { kind: "cosine", warmup: 10, start: 0, peak: 0.002, min: 0.0001 },
    ]);
    expect(plan.stages[1]?.mixture.map(({ share }) => `${share.numerator}/${share.denominator}`)).toEqual([
      "9/10",
      "1/20",
      "1/20",
    ]);
    expect(plan.evaluation).toEqual({ everySteps: 150, tokensPerDomain: 16000 });
    expect(plan.runFolder).toBe("/root/checkpoints/quickstart");
  });

  it("starts relative paths from the current folder and returns what the user wrote, overrides included", async () => {
    const loaded = await loadPlan(relative(process.cwd(), quickstart), ["run=other", "model.tied="]);
    expect(loaded.path).toBe(quickstart);
    expect(loaded.plan.runFolder).toBe(resolve("checkpoints/other"));
    const written = parse(readFileSync(quickstart, "utf8"));
    const { tied: _, ...model } = written.model;
    expect(loaded.source).toEqual({ ...written, run: "other", model });
  });

  it("reads JSON", async () => {
    expect(await loadText(JSON.stringify(parse(SMALL)))).toEqual(await loadText(SMALL));
  });

  it.each([
    ["", "plan.yaml: the plan is empty\n  hint: configs/quickstart.yaml is a plan to start from"],
    ["# only a comment\n", "plan.yaml: the plan is empty\n  hint: configs/quickstart.yaml is a plan to start from"],
    ["hello", 'plan.yaml:1: this value cannot be used\n  expected: a plan: keys and values\n  got: "hello"'],
    ["- run: a", "plan.yaml:1: this value cannot be used\n  expected: a plan: keys and values\n  got: a list of 1"],
    [new Uint8Array([0x50, 0x4b, 0xff, 0xfe]), "plan.yaml: this is not a text file\n  expected: YAML in UTF-8"],
    [
      " ".repeat(300_000),
      "plan.yaml: this is too large for a plan file\n  expected: at most 262144 bytes\n  got: 300000 bytes",
    ],
  ])("refuses what is no plan", async (text, message) => {
    expect(await complaint(text)).toBe(message);
  });

  it("refuses a folder, a missing file and a device", async () => {
    const folder = mkdtempSync(join(tmpdir(), "plan-"));
    try {
      await expect(loadPlan(folder)).rejects.toThrow(
        new UserError({ what: "this is not a file", where: folder, expected: "a plan file, YAML or JSON" }),
      );
      const missing = join(folder, "none.yaml");
      await expect(loadPlan(missing)).rejects.toThrow(
        new UserError({ what: "there is no such plan file", where: missing }),
      );
      await expect(loadPlan("/dev/zero")).rejects.toThrow(UserError);
      await expect(loadPlan(join(quickstart, "x"))).rejects.toThrow(/cannot read this plan file \(ENOTDIR\)/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("planOf", () => {
  it("makes a plan of a plain value, as loading its text does", async () => {
    const { plan, source } = await loadPlan(quickstart, [], { root: "/root" });
    expect(planOf(source, "the sweep's plan", { root: "/root" })).toEqual(plan);
  });

  it("names the value in its problems", () => {
    expect(() => planOf({ ...parse(SMALL), seed: -1 }, "the sweep's plan")).toThrow(
      "the sweep's plan seed: this value cannot be used\n  expected: a whole number of at least 0\n  got: -1",
    );
  });
});

/** Every place of a value that holds something. */
function placesOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (value === null || typeof value !== "object") return [path];
  const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  return [path, ...keys.flatMap((key) => placesOf(Reflect.get(value, key), [...path, key]))];
}

function mutate(
  value: object,
  path: readonly (string | number)[],
  change: "delete" | "rename" | "replace",
  by: unknown,
): void {
  const last = path.at(-1);
  let parent: unknown = value;
  for (const step of path.slice(0, -1))
    if (parent !== null && typeof parent === "object") parent = Reflect.get(parent, step);
  if (last === undefined || parent === null || typeof parent !== "object") return;
  if (change === "replace") Reflect.set(parent, last, by);
  // YAML has no lists with holes.
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else {
    if (change === "rename") Reflect.set(parent, `${last}x`, Reflect.get(parent, last));
    Reflect.deleteProperty(parent, last);
  }
}

/** Fails on anything but a plan or a UserError whose every problem has a place. */
function expectPlanOrUserError(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    for (const problem of error.problems) expect(problem.where).toMatch(/^p/);
  }
}

const written: object = parse(readFileSync(quickstart, "utf8"));
const places = placesOf(written);
const junk = fc.oneof(
  fc.anything({ maxDepth: 2 }),
  fc.constantFrom<unknown>("previous", "5%", "2M tokens", "1/3", 0, 1, -1, 1e300, Number.NaN, "", "constructor", []),
);
const mutation = fc.record({
  path: fc.constantFrom(...places),
  change: fc.constantFrom("delete" as const, "rename" as const, "replace" as const),
  by: junk,
});

describe("whatever a plan is turned into", () => {
  it("random mutations give a plan or a UserError, never anything else", () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        const value = structuredClone(written);
        for (const { path, change, by } of mutations) mutate(value, path, change, by);
        expectPlanOrUserError(() => planOf(value, "p"));
      }),
      { numRuns: 1000 },
    );
  });

  it("so does a text that was cut, or had characters changed", async () => {
    const text = readFileSync(quickstart, "utf8");
    const edit = fc.record({
      at: fc.nat({ max: text.length - 1 }),
      length: fc.nat({ max: 40 }),
      by: fc.constantFrom("", "\t", "{", "]", ":", "&a ", "*a", "\n", "!", "-", "9", "\u0000", "🦙", "'"),
    });
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, length, by }) => {
        const broken = text.slice(0, at) + by + text.slice(at + length);
        await loadText(broken).catch((error: unknown) => {
          expect(error).toBeInstanceOf(UserError);
        });
      }),
      { numRuns: 300 },
    );
  });

  it("so do random overrides", async () => {
    const override = fc
      .tuple(
        fc.constantFrom("run", "stages[0].mixture", "stages[1].schedule", "data.domains", "begin", "x[0].y"),
        fc.json(),
      )
      .map(([path, value]) => `${path}=${value}`);
    await fc.assert(
      fc.asyncProperty(fc.array(override, { maxLength: 3 }), async (overrides) => {
        await loadPlan(quickstart, overrides).catch((error: unknown) => {
          expect(error).toBeInstanceOf(UserError);
        });
      }),
      { numRuns: 200 },
    );
  });
});
