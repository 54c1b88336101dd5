/** What this machine's processor is: its identity, which the compiled kernels depend on, and its vector unit, for people. */
import { closeSync, openSync, readSync } from "node:fs";
import { arch, cpus, platform } from "node:os";

/** Lines of `/proc/cpuinfo` that say what a processor can do, on x86 and on ARM; others change while it runs. */
const LASTING = /^(vendor_id|cpu family|model|model name|stepping|flags|Features|CPU (implementer|part|variant))\s*:/;

/** Text that is equal on processors for which `-march=native` means the same. */
export function processorIdentity(cpuInfo: string | null = readCpuInfo()): string {
  const first = cpuInfo?.split(/\n\s*\n/, 1)[0] ?? "";
  const lines = first.split("\n").filter((line) => LASTING.test(line));
  const model = lines.length > 0 ? lines : [cpus()[0]?.model ?? "unknown processor"];
  return [`${platform()} ${arch()}`, ...model].join("\n");
}

const VECTOR_UNITS: readonly (readonly [RegExp, string])[] = [
  [/\bavx512f\b/, "AVX-512"],
  [/\bavx2\b/, "AVX2"],
  [/\bavx\b/, "AVX"],
  [/\bsve\b/, "SVE"],
  [/\basimd\b|\barm64\b/, "NEON"],
];

/** The widest vectors of a processor's identity, such as `AVX-512`, and the tile unit that multiplies matrices, where it has one. */
export function vectorUnit(identity: string): string {
  const vectors = VECTOR_UNITS.find(([pattern]) => pattern.test(identity))?.[1] ?? arch();
  return /\bamx_bf16\b/.test(identity) ? `${vectors} and AMX tiles` : vectors;
}

/** More than the first core's lines. The whole file has as much for each core, and the system asks every one of them for it. */
const CPU_INFO_BYTES = 16384;

/** The first core's part of `/proc/cpuinfo`, and perhaps some more. */
function readCpuInfo(): string | null {
  try {
    const file = openSync("/proc/cpuinfo", "r");
    try {
      const bytes = Buffer.alloc(CPU_INFO_BYTES);
      return bytes.toString("utf8", 0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}
