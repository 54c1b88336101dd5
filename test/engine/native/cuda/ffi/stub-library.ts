/** Shared libraries of C stubs, compiled for a test: every function of a table answers 0 but those with a body of their own. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Prototypes } from "../../../../../src/engine/native/cuda/ffi/prototypes.js";

export interface StubLibrary extends Disposable {
  readonly path: string;
}

/** `bodies` are C by function name; they see the parameters of the prototype and `globals`. A null body leaves the function out. */
export function stubLibrary(
  name: string,
  prototypes: Prototypes,
  bodies: Readonly<Record<string, string | null>> = {},
  globals = "",
): StubLibrary {
  const folder = mkdtempSync(join(tmpdir(), "hephaestus-stub-"));
  const functions = Object.entries(prototypes)
    .filter(([function_]) => bodies[function_] !== null)
    .map(([function_, prototype]) => `${prototype} { ${bodies[function_] ?? "return 0;"} }`);
  const headers = ["stddef", "stdint", "stdio", "string", "unistd"].map((header) => `#include <${header}.h>`);
  const source = join(folder, "stub.c");
  const path = join(folder, name);
  writeFileSync(source, [...headers, globals, ...functions, ""].join("\n"));
  execFileSync("cc", ["-shared", "-fPIC", "-Wno-int-conversion", `-Wl,-soname,${name}`, "-o", path, source]);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}
