import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { assertionsOf, complaintsOf } from "../../scripts/check-bindings/assertions.js";
import { includeFolders } from "../../scripts/check-bindings/headers.js";
import { checkLibrary, LIBRARIES, type Library } from "../../scripts/check-bindings.js";

const folder = mkdtempSync(join(tmpdir(), "bindings-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(
  join(folder, "vendor.h"),
  `
  #include <stdint.h>
  typedef enum { VENDOR_OK = 0, VENDOR_BAD = 7 } vendorStatus_t;
  typedef struct { uint64_t data[8]; size_t bytes; vendorStatus_t state; } vendorResult_t;
  #if defined(__CUDA_API_VERSION_INTERNAL)
  vendorStatus_t vendorMake(void **handle);
  #endif
  vendorStatus_t vendorMake_v2(void **handle, unsigned int flags);
  `,
);

function library(changes: Partial<Library["tables"]>): Library {
  const tables = {
    prototypes: {
      vendorMake: "int vendorMake(void *handle)",
      vendorMake_v2: "int vendorMake_v2(void *handle, unsigned int flags)",
    },
    constants: { VENDOR_OK: 0, VENDOR_BAD: 7 },
    structs: { vendorResult_t: { bytes: 80, offsets: { bytes: 64, state: 72 } } },
    ...changes,
  };
  return { name: "vendor", header: "vendor.h", package: "vendor", tables };
}

describe("a library against its header", () => {
  it("is right when tables and header agree, older symbols included", () => {
    expect(checkLibrary(library({}), [folder])).toEqual([]);
  });

  it("reports wrong and unknown constants", () => {
    const constants = { VENDOR_OK: 1, VENDOR_BAD: 7, VENDOR_WORSE: 8 };
    const found = checkLibrary(library({ constants }), [folder]);
    expect(found).toContain("VENDOR_OK is not 1");
    expect(found).toContain("VENDOR_WORSE: the header has no such name");
    expect(found).toHaveLength(2);
  });

  it("reports wrong sizes and places of structs", () => {
    const structs = { vendorResult_t: { bytes: 72, offsets: { state: 64 } } };
    expect(checkLibrary(library({ structs }), [folder])).toEqual([
      "vendorResult_t has not 72 bytes",
      "vendorResult_t.state is not at 64",
    ]);
  });

  it("reports wrong prototypes", () => {
    const prototypes = { vendorMake_v2: "int vendorMake_v2(void *handle, size_t flags)" };
    expect(checkLibrary(library({ prototypes }), [folder])).toEqual([
      "vendorMake_v2: parameter 2 (flags) is uint64, the header says uint32 (flags)",
    ]);
  });

  it("says so when a header cannot be read", () => {
    const [found] = checkLibrary({ ...library({}), header: "absent.h" }, [folder]);
    expect(found).toMatch(/^absent\.h cannot be read: .*absent\.h/);
  });

  it("asks for everything that the tables hold", () => {
    const text = assertionsOf(["vendor.h"], library({}).tables);
    expect(text.match(/_Static_assert/g)).toHaveLength(2 + 1 + 2);
    expect(complaintsOf("x.c:1:2: error: expected ';'\nx.c:1:2: note: nothing")).toEqual([
      "x.c:1:2: error: expected ';'",
    ]);
  });
});

describe("the bindings' own tables", () => {
  it.each(LIBRARIES)("$name names each function as its prototype does, once", ({ tables }) => {
    for (const [name, text] of Object.entries(tables.prototypes)) expect(text).toContain(`${name}(`);
    expect(Object.keys(tables.prototypes).length).toBeGreaterThan(1);
  });
});

describe("the command", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", "tsx", "scripts/check-bindings.ts", ...args], {
      encoding: "utf8",
      // No toolkit and no wheels: only what the test gives. `cc` stays.
      env: { ...process.env, PATH: `${compilerFolder()}:/usr/bin:/bin`, HEPHAESTUS_PYTHON: "/absent/python3" },
    });

  it("skips libraries without a header, and says what supplies it; --require refuses that", () => {
    const { status, stdout } = run();
    expect(stdout).toContain(
      "cublaslt: skipped, no cublasLt.h (in Python: pip install nvidia-cublas; or --headers FOLDER)",
    );
    expect(status).toBe(0);
    expect(run("--require").status).toBe(1);
  });

  it("fails, with the differences, on a header that is another one", () => {
    mkdirSync(join(folder, "other"));
    writeFileSync(
      join(folder, "other", "cublasLt.h"),
      "typedef int cublasStatus_t;\ncublasStatus_t cublasLtCreate(int x);\n",
    );
    const { status, stdout } = run("--headers", join(folder, "other"));
    expect(status).toBe(1);
    expect(stdout).toContain(
      "cublaslt: cublasLtCreate: parameter 1 (lightHandle) is pointer, the header says int32 (x)",
    );
    expect(stdout).toContain("cublaslt: cublasLtMatmul: the header has no such function");
    expect(stdout).toContain("cublaslt: CUBLAS_COMPUTE_32F: the header has no such name");
  });

  it("looks only into folders that exist, the given ones first", () => {
    expect(includeFolders([folder, "/absent/include"], "/absent/python3")[0]).toBe(folder);
    expect(includeFolders(["/absent/include"], "/absent/python3")).not.toContain("/absent/include");
  });
});

function compilerFolder(): string {
  return execFileSync("sh", ["-c", 'dirname "$(command -v cc)"'], { encoding: "utf8" }).trim();
}
