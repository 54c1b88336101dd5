/** The emulator's prototypes against the vendor's headers, where those are: its sources must compile with them in place of its own. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const FOLDER = fileURLToPath(new URL("./emulator/", import.meta.url));
const folders = (process.env["HEPHAESTUS_CUDA_INCLUDE"] ?? "/usr/local/cuda/include").split(":");
const absent = ["cuda.h", "nvrtc.h", "cublasLt.h"].filter(
  (name) => !folders.some((folder) => existsSync(`${folder}/${name}`)),
);

describe.skipIf(absent.length > 0)(
  "the vendor's headers (skipped without all three in HEPHAESTUS_CUDA_INCLUDE)",
  () => {
    it("agree with every function of the emulator", { timeout: 300_000 }, async () => {
      const sources = (await readdir(`${FOLDER}library`)).filter((name) => name.endsWith(".cpp"));
      const includes = folders.flatMap((folder) => ["-isystem", folder]);
      for (const source of sources) {
        const flags = ["-std=c++17", "-fsyntax-only", "-DVENDOR_HEADERS", ...includes, "-I", FOLDER];
        const log = await promisify(execFile)("g++", [...flags, `${FOLDER}library/${source}`]).then(
          () => "",
          (error: Error) => error.message,
        );
        expect(log).toBe("");
      }
    });
  },
);
