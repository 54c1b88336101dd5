import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { copyPackages, isAlive, productionPackages } from "../../../scripts/bundling/packages.js";

const folder = mkdtempSync(join(tmpdir(), "packages-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string | object>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === "string" ? content : JSON.stringify(content));
  }
}

describe("the packages of a bundle", () => {
  write({
    "package.json": {
      name: "project",
      dependencies: { a: "1", koffi: "1" },
      optionalDependencies: { addon: "1" },
      devDependencies: { lint: "1" },
    },
    "node_modules/a/package.json": { name: "a", dependencies: { b: "2", "@types/node": "1" } },
    "node_modules/a/index.js": "",
    "node_modules/a/index.d.ts": "",
    "node_modules/a/docs/page.js": "",
    "node_modules/a/lib/docs/needed.js": "",
    "node_modules/a/LICENSE.md": "",
    "node_modules/a/node_modules/b/package.json": { name: "b", dependencies: { c: "1" } },
    "node_modules/a/node_modules/b/index.js": "",
    "node_modules/b/package.json": { name: "b" },
    "node_modules/c/package.json": { name: "c", dependencies: { a: "1" } },
    "node_modules/addon/package.json": { name: "addon" },
    "node_modules/lint/package.json": { name: "lint" },
    "node_modules/@types/node/package.json": { name: "@types/node" },
    "node_modules/koffi/package.json": { name: "koffi" },
    [`node_modules/@koromix/koffi-${process.platform}-${process.arch}/package.json`]: { name: "koffi-here" },
    "node_modules/@koromix/koffi-elsewhere/package.json": { name: "koffi-elsewhere" },
  });

  it("are what runs needs, found as Node finds it, each once; koffi with the library of this platform", () => {
    const names = productionPackages(folder).map((path) =>
      path.slice(path.indexOf("node_modules/") + "node_modules/".length),
    );
    expect(names).toEqual([
      `@koromix/koffi-${process.platform}-${process.arch}`,
      "a",
      "a/node_modules/b",
      "c",
      "koffi",
    ]);
  });

  it("are copied to where they were, without what nobody loads", () => {
    copyPackages(folder, join(folder, "out"));
    const copied = readdirSync(join(folder, "out", "node_modules", "a"), { recursive: true, encoding: "utf8" });
    expect(copied.filter((path) => /\.\w+$/.test(path)).sort()).toEqual([
      "LICENSE.md",
      "index.js",
      "lib/docs/needed.js",
      "node_modules/b/index.js",
      "node_modules/b/package.json",
      "package.json",
    ]);
  });

  it("must be installed", () => {
    write({ "broken/package.json": { name: "broken", dependencies: { absent: "1" } } });
    expect(() => productionPackages(join(folder, "broken"))).toThrow(
      "absent, which broken needs, is not installed; run `npm ci` first",
    );
  });
});

describe("what of a package is kept", () => {
  it.each([
    ["pino", "lib/tools.js", true],
    ["pino", "lib/tools.js.map", false],
    ["pino", "test/basic.test.js", false],
    ["pino", "package.json", true],
    ["yaml", "dist/doc/directives.js", true],
    ["koffi", "src/koffi/index.js", true],
    ["koffi", "src/koffi/ffi.cc", false],
    ["koffi", "vendor/sha1/sha1.c", false],
    ["@koromix/koffi-linux-x64", "linux_x64/koffi.node", true],
    ["@tensorflow/tfjs-core", "dist/tf-core.node.js", true],
    ["@tensorflow/tfjs-core", "dist/tf-core.min.js", false],
    ["@tensorflow/tfjs-core", "dist/ops/add.js", false],
    ["@tensorflow/tfjs-backend-wasm", "dist/tfjs-backend-wasm-simd.wasm", true],
    ["apache-arrow", "Arrow.node.mjs", true],
    ["apache-arrow", "src/Arrow.ts", false],
  ])("%s %s: %s", (name, path, kept) => {
    expect(isAlive(name, path)).toBe(kept);
  });
});
