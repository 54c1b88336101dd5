/** Kernels compiled in this process by NVRTC, from memory: nothing of the CUDA toolkit but this library is needed. */
import { CONSTANTS as C, type Nvrtc } from "../ffi/nvrtc.js";
import { CompileFailure, type CompilerBackend, type CompileUnit, definitions } from "./backend.js";
import { checkNvrtc } from "./errors.js";

/** Line numbers cost nothing at run time and let profilers and the sanitizer name the source. */
const OPTIONS = ["--std=c++17", "--device-as-default-execution-space", "--generate-line-info"];

export function nvrtcBackend(nvrtc: Nvrtc): CompilerBackend {
  const identity = `NVRTC ${versionOf(nvrtc)}`;
  return {
    identity,
    capabilities: capabilitiesOf(nvrtc),
    compile: (unit) => compile(nvrtc, identity, unit),
  };
}

async function compile(nvrtc: Nvrtc, identity: string, unit: CompileUnit): Promise<Uint8Array> {
  const program = new BigUint64Array(1);
  const { file, text, headers } = unit.source;
  const created = nvrtc.nvrtcCreateProgram(
    program,
    text,
    file,
    headers.size,
    [...headers.values()],
    [...headers.keys()],
  );
  checkNvrtc(nvrtc, created, `take ${file}`);
  try {
    const options = [`--gpu-architecture=sm_${unit.architecture}`, ...OPTIONS, ...definitions(unit.defines)];
    const status = await nvrtc.nvrtcCompileProgram(program[0], options.length, options);
    if (status === C.NVRTC_ERROR_COMPILATION) throw new CompileFailure(identity, unit, logOf(nvrtc, program[0]));
    checkNvrtc(nvrtc, status, `compile ${file} with ${options.join(" ")}`);
    return cubinOf(nvrtc, program[0], file);
  } finally {
    nvrtc.nvrtcDestroyProgram(program);
  }
}

function logOf(nvrtc: Nvrtc, program: bigint): string {
  const size = new BigUint64Array(1);
  checkNvrtc(nvrtc, nvrtc.nvrtcGetProgramLogSize(program, size), "tell its log's size");
  const log = new Uint8Array(Number(size[0]));
  checkNvrtc(nvrtc, nvrtc.nvrtcGetProgramLog(program, log), "give its log");
  return new TextDecoder().decode(log);
}

function cubinOf(nvrtc: Nvrtc, program: bigint, file: string): Uint8Array {
  const size = new BigUint64Array(1);
  checkNvrtc(nvrtc, nvrtc.nvrtcGetCUBINSize(program, size), `tell the size of ${file} compiled`);
  const cubin = new Uint8Array(Number(size[0]));
  checkNvrtc(nvrtc, nvrtc.nvrtcGetCUBIN(program, cubin), `give ${file} compiled`);
  return cubin;
}

function versionOf(nvrtc: Nvrtc): string {
  const [major, minor] = [new Int32Array(1), new Int32Array(1)];
  checkNvrtc(nvrtc, nvrtc.nvrtcVersion(major, minor), "tell its version");
  return `${major[0]}.${minor[0]}`;
}

function capabilitiesOf(nvrtc: Nvrtc): number[] {
  const count = new Int32Array(1);
  checkNvrtc(nvrtc, nvrtc.nvrtcGetNumSupportedArchs(count), "count the architectures that it knows");
  const found = new Int32Array(count[0]);
  checkNvrtc(nvrtc, nvrtc.nvrtcGetSupportedArchs(found), "list the architectures that it knows");
  return [...found];
}
