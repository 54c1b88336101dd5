/**
 * The bindings against the vendor's headers and libraries: the toolkit of `nvcc`, and the wheels nvidia-cublas and nvidia-cuda-nvrtc in
 * the Python that HEPHAESTUS_PYTHON names (default: python3). cuBLASLt loads without a driver; only its handle needs a card.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folderOf, includeFolders } from "../../scripts/check-bindings/headers.js";
import { checkLibrary, LIBRARIES } from "../../scripts/check-bindings.js";
import { CONSTANTS as C, openCublasLt } from "../../src/engine/native/cuda/ffi/cublaslt.js";

const python = process.env.HEPHAESTUS_PYTHON ?? "python3";
const folders = includeFolders([], python);

describe("tables against headers", () => {
  for (const library of LIBRARIES) {
    const { name, header } = library;
    const missing = folderOf(header, folders) === null ? `no ${header} (pip install ${library.package})` : null;
    it(`${name} agrees with ${header}${missing === null ? "" : `: skipped, ${missing}`}`, (context) => {
      if (missing !== null) return context.skip(missing);
      expect(checkLibrary(library, folders)).toEqual([]);
    });
  }
});

function libraryPath(): string | null {
  const code = `
import glob, os, sys
for folder in sys.path:
    for found in sorted(glob.glob(os.path.join(folder, "nvidia", "*", "lib", "libcublasLt.so.*"))):
        print(found)
`;
  const [first = ""] = spawnSync(python, ["-c", code], { encoding: "utf8" }).stdout?.split("\n") ?? [];
  return existsSync(first) ? first : null;
}

describe("the real cuBLASLt", () => {
  const path = libraryPath();
  const reason = `${python} has no libcublasLt (pip install nvidia-cublas, and set HEPHAESTUS_PYTHON)`;

  it(`answers and makes descriptors without a card${path === null ? `: skipped, ${reason}` : ""}`, (context) => {
    if (path === null) return context.skip(reason);
    const lt = openCublasLt(path);
    expect(Number(lt.cublasLtGetVersion())).toBeGreaterThanOrEqual(120_000);
    expect(lt.cublasLtGetStatusName(C.CUBLAS_STATUS_NOT_SUPPORTED)).toBe("CUBLAS_STATUS_NOT_SUPPORTED");
    expect(lt.cublasLtGetStatusString(C.CUBLAS_STATUS_NOT_SUPPORTED)).toMatch(/not supported/);

    const made = new BigUint64Array(1);
    expect(lt.cublasLtMatmulDescCreate(made, C.CUBLAS_COMPUTE_32F, C.CUDA_R_32F)).toBe(0);
    const operation = made[0];
    const transposed = new Int32Array([C.CUBLAS_OP_T]);
    for (const attribute of [C.CUBLASLT_MATMUL_DESC_TRANSA, C.CUBLASLT_MATMUL_DESC_TRANSB])
      expect(lt.cublasLtMatmulDescSetAttribute(operation, attribute, transposed, 4)).toBe(0);
    const wrongSize = lt.cublasLtMatmulDescSetAttribute(operation, C.CUBLASLT_MATMUL_DESC_TRANSA, transposed, 1);
    expect(wrongSize).toBe(C.CUBLAS_STATUS_INVALID_VALUE);
    expect(lt.cublasLtMatmulDescDestroy(operation)).toBe(0);

    expect(lt.cublasLtMatrixLayoutCreate(made, C.CUDA_R_16BF, 12, 13, 12)).toBe(0);
    expect(lt.cublasLtMatrixLayoutDestroy(made[0])).toBe(0);

    expect(lt.cublasLtMatmulPreferenceCreate(made)).toBe(0);
    const preference = made[0];
    const set = (attribute: number, value: Uint32Array | BigUint64Array): number =>
      lt.cublasLtMatmulPreferenceSetAttribute(preference, attribute, value, value.byteLength);
    expect(set(C.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, new BigUint64Array([33_554_432n]))).toBe(0);
    expect(set(C.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, new Uint32Array([2]))).toBe(0);
    expect(set(C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, new Uint32Array([16]))).toBe(0);
    expect(lt.cublasLtMatmulPreferenceDestroy(preference)).toBe(0);

    // Algorithms can be read without a card too: a zeroed one has no split and no reduction.
    const scheme = new Uint32Array([99]);
    const attribute = C.CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME;
    expect(lt.cublasLtMatmulAlgoConfigGetAttribute(new Uint8Array(64), attribute, scheme, 4, null)).toBe(0);
    expect(scheme[0]).toBe(C.CUBLASLT_REDUCTION_SCHEME_NONE);
  });

  it("without a card, says in words why it cannot begin", (context) => {
    if (path === null) return context.skip(reason);
    if (existsSync(join("/dev", "nvidiactl"))) return context.skip("this machine has a card; see the card's own tests");
    const lt = openCublasLt(path);
    expect(lt.cublasLtGetStatusName(lt.cublasLtCreate(new BigUint64Array(1)))).toBe("CUBLAS_STATUS_NOT_INITIALIZED");
  });
});
