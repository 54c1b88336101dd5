import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { VERSION } from "../../src/base/version.js";

it("is the version of package.json", () => {
  expect(VERSION).toBe(JSON.parse(readFileSync("package.json", "utf8")).version);
});
