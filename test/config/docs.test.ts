/** docs/plan.md lists every key of the schema with its default, and nothing else. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RECIPE_NAMES } from "../../src/config/recipes.js";
import { planSchema } from "../../src/config/schema.js";
import { schemaKeys } from "../../src/config/schema-walk.js";

const page = readFileSync(new URL("../../docs/plan.md", import.meta.url), "utf8");

/** Rows of the tables under "Every key": key, default. */
const rows = page
  .slice(page.indexOf("## Every key"))
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, key = "", standard = "", meaning = ""]) => ({ key: key.replaceAll("`", ""), standard, meaning }));

const keys = schemaKeys(planSchema);

describe("docs/plan.md", () => {
  it("lists every key of the schema once, and nothing else", () => {
    expect(rows.map((row) => row.key).toSorted()).toEqual(keys.map((key) => key.path).toSorted());
  });

  it.each(keys)("says the default of $path", ({ path, required, defaultValue }) => {
    const row = rows.find((each) => each.key === path);
    expect(row?.meaning).not.toBe("");
    // The limit of a domain that is not named is not the schema's default but the resolver's.
    if (path === "stages[].maxEpochs.<name>") return;
    if (required) expect(row?.standard).toBe("required");
    else if (defaultValue === null || defaultValue === undefined) expect(row?.standard).not.toMatch(/^(required)?$/);
    else if (typeof defaultValue === "object") expect(row?.standard).toBe("`{}`");
    else if (typeof defaultValue === "number") expect(Number(row?.standard.replaceAll("`", ""))).toBe(defaultValue);
    else expect(row?.standard).toBe(`\`${String(defaultValue)}\``);
  });

  it("has a row for every recipe", () => {
    const table = page.slice(page.indexOf("## Recipes"), page.indexOf("## Every key"));
    expect([...table.matchAll(/^\| `([\w-]+)`/gm)].map(([, name]) => name)).toEqual([...RECIPE_NAMES]);
  });

  it("is about sections of at most 16 keys", () => {
    const sizes = new Map<string, number>();
    for (const { path } of keys) {
      const section = path.slice(0, Math.max(0, path.lastIndexOf(".")));
      sizes.set(section, (sizes.get(section) ?? 0) + 1);
    }
    expect(Math.max(...sizes.values())).toBeLessThanOrEqual(16);
  });
});
