/** What compiles kernels: NVRTC, or `nvcc` where only that is installed. */
import { UserError } from "../../../../base/errors.js";
import type { Card } from "./card.js";
import type { KernelSource } from "./kernel-source.js";

/** One kernel file with its constants, for one kind of card. */
export interface CompileUnit {
  readonly source: KernelSource;
  readonly defines: Readonly<Record<string, string | number>>;
  /** Such as `90a`. */
  readonly architecture: string;
}

export interface CompilerBackend {
  /** Name and version; another one compiles again. */
  readonly identity: string;
  /** Compute capabilities that it knows, such as 90 for 9.0. */
  readonly capabilities: readonly number[];
  /** Gives a cubin. The event loop stays free. @throws CompileFailure with the compiler's log. */
  compile(unit: CompileUnit): Promise<Uint8Array>;
}

const LOG_LINES = 30;

/** A kernel of ours that does not compile. */
export class CompileFailure extends Error {
  override readonly name = "CompileFailure";

  constructor(backend: string, unit: CompileUnit, log: string) {
    const lines = log.replaceAll("\0", "").trim().split("\n");
    const shown =
      lines.length > LOG_LINES ? [...lines.slice(0, LOG_LINES), `(${lines.length - LOG_LINES} more lines)`] : lines;
    const options = [`sm_${unit.architecture}`, ...definitions(unit.defines)].join(" ");
    super(`${backend} cannot compile ${unit.source.file} (${options}):\n    ${shown.join("\n    ")}`);
  }
}

/** `-DNAME=value`, in the order of names. */
export function definitions(defines: CompileUnit["defines"]): string[] {
  return Object.keys(defines)
    .sort()
    .map((name) => `-D${name}=${defines[name]}`);
}

/** Cards from here on have instructions of their own, which only code for exactly that card may use. */
const FIRST_SPECIAL = 90;

/**
 * The architecture to compile for: the card's own, or, where the compiler does not know it, the newest of the same generation.
 * @throws UserError when there is none.
 */
export function architectureFor({ name, computeCapability }: Card, backend: CompilerBackend): string {
  const [major, minor] = computeCapability;
  const own = major * 10 + minor;
  const fitting = backend.capabilities.filter((one) => Math.floor(one / 10) === major && one <= own);
  if (fitting.includes(own)) return own >= FIRST_SPECIAL ? `${own}a` : String(own);
  if (fitting.length > 0) return String(Math.max(...fitting));
  throw new UserError({
    what: `the CUDA compiler does not know ${name}`,
    expected: `one for compute capability ${major}.${minor}`,
    got: `${backend.identity}, for ${backend.capabilities.map((one) => (one / 10).toFixed(1)).join(", ") || "none"}`,
    hint: "install a newer one, such as `pip install -U nvidia-cuda-nvrtc`",
  });
}
