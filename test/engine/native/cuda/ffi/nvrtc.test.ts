/** NVRTC's bindings against C stubs: texts and arrays of texts, compilations off the event loop, and what is made of its complaints. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Nvrtc, openNvrtc, PROTOTYPES } from "../../../../../src/engine/native/cuda/ffi/nvrtc.js";
import { CompileFailure, type CompileUnit } from "../../../../../src/engine/native/cuda/runtime/backend.js";
import { nvrtcBackend } from "../../../../../src/engine/native/cuda/runtime/nvrtc-compiler.js";
import { type StubLibrary, stubLibrary } from "./stub-library.js";

const BODIES = {
  nvrtcVersion: "*(int *)major = 13; *(int *)minor = 1; return 0;",
  nvrtcGetErrorString: `static char text[8]; sprintf(text, "%d", most);
    return result == 0 ? text : result == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR_INTERNAL_ERROR";`,
  nvrtcGetNumSupportedArchs: "*(int *)numArchs = 2; return 0;",
  nvrtcGetSupportedArchs: "((int *)supportedArchs)[0] = 80; ((int *)supportedArchs)[1] = 90; return 0;",
  nvrtcCreateProgram: `*(uint64_t *)prog = 99;
    return strcmp(src, "source") == 0 && strcmp(name, "a.cu") == 0 && numHeaders == 2 && strcmp(headers[1], "text of c") == 0
      && strcmp(includeNames[0], "b.cuh") == 0 ? 0 : 3;`,
  nvrtcDestroyProgram: "*(uint64_t *)prog = 0; return 0;",
  // An option's last letter says how it ends. The array needs a stack as deep as a compiler's.
  nvrtcCompileProgram: `volatile char deep[8 << 20]; for (int i = 0; i < sizeof(deep); i += 4096) deep[i] = 1;
    int others = ++now; if (others > most) most = others;
    usleep(300000); now--;
    const char *last = options[numOptions - 1];
    return prog != (void *)99 || strcmp(options[0], "--gpu-architecture=sm_90a") ? 3 : last[strlen(last) - 1] - '0';`,
  nvrtcGetCUBINSize: "*(size_t *)cubinSizeRet = 4; return 0;",
  nvrtcGetCUBIN: 'memcpy(cubin, "\\177ELF", 4); return 0;',
  nvrtcGetProgramLogSize: "*(size_t *)logSizeRet = 16; return 0;",
  nvrtcGetProgramLog: 'strcpy(log, "a.cu(1): broken"); return 0;',
};

/** Compilations that run now, and the most that did. */
const GLOBALS = "static _Atomic int now, most;";

let library: StubLibrary;
let nvrtc: Nvrtc;

beforeAll(() => {
  library = stubLibrary("libstub-nvrtc.so", PROTOTYPES, BODIES, GLOBALS);
  nvrtc = openNvrtc(library.path);
});

afterAll(() => library[Symbol.dispose]());

function unitOf(status: number): CompileUnit {
  const headers = new Map([
    ["b.cuh", "text of b"],
    ["c.cuh", "text of c"],
  ]);
  return { source: { file: "a.cu", text: "source", headers }, defines: { Z: status }, architecture: "90a" };
}

describe("nvrtcBackend", () => {
  it("tells its version and the cards that it knows", () => {
    const { identity, capabilities } = nvrtcBackend(nvrtc);
    expect([identity, capabilities]).toEqual(["NVRTC 13.1", [80, 90]]);
  });

  it("compiles several at once while the event loop turns", async () => {
    const backend = nvrtcBackend(nvrtc);
    let turns = 0;
    const counting = setInterval(() => turns++, 5);
    const cubins = await Promise.all([1, 2, 3].map(() => backend.compile(unitOf(0))));
    clearInterval(counting);
    for (const cubin of cubins) expect(new TextDecoder().decode(cubin)).toBe("\x7fELF");
    expect(turns).toBeGreaterThan(5);
    expect(Number(nvrtc.nvrtcGetErrorString(0))).toBeGreaterThan(1);
  });

  it("passes the log of a failed compilation on", async () => {
    const failing = nvrtcBackend(nvrtc).compile(unitOf(6));
    await expect(failing).rejects.toBeInstanceOf(CompileFailure);
    await expect(failing).rejects.toThrow("NVRTC 13.1 cannot compile a.cu (sm_90a -DZ=6):\n    a.cu(1): broken");
  });

  it("says what was asked when NVRTC itself fails", async () => {
    await expect(nvrtcBackend(nvrtc).compile(unitOf(5))).rejects.toThrow(
      /NVRTC reported NVRTC_ERROR_INTERNAL_ERROR when asked to compile a.cu with --gpu-architecture=sm_90a .* -DZ=5/,
    );
    const other = { ...unitOf(0), source: { ...unitOf(0).source, file: "z.cu" } };
    await expect(nvrtcBackend(nvrtc).compile(other)).rejects.toThrow("when asked to take z.cu");
  });
});
