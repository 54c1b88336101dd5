/**
 * Kernel text to machine code for one card, kept on disk under a key of all that it depends on: the file and what it includes, the
 * constants, the architecture, the compiler's name and version.
 */
import { readFile } from "node:fs/promises";
import { availableParallelism, homedir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../../../base/errors.js";
import { fingerprintOf } from "../../../../base/fingerprint.js";
import { findCached, storeCached } from "../../kernel-cache.js";
import { findLibrary, type SearchOptions } from "../ffi/libraries.js";
import { openNvrtc } from "../ffi/nvrtc.js";
import { architectureFor, type CompilerBackend } from "./backend.js";
import type { Card } from "./card.js";
import { KERNEL_FOLDER, type KernelSource, readKernelSource } from "./kernel-source.js";
import type { KernelRef } from "./launch.js";
import { findNvcc } from "./nvcc-compiler.js";
import { nvrtcBackend } from "./nvrtc-compiler.js";

export interface BackendOptions extends SearchOptions {
  /** Commands to try where NVRTC is missing; by default the toolkits' `nvcc` and the one on the path. */
  readonly nvcc?: readonly string[];
}

/** NVRTC, else `nvcc`. @throws UserError that says what was tried when there is neither. */
export async function findBackend(options: BackendOptions): Promise<CompilerBackend> {
  const { toolkits } = options.places;
  const { nvcc = [...toolkits.map((folder) => join(folder, "bin", "nvcc")), "nvcc", "/usr/local/cuda/bin/nvcc"] } =
    options;
  try {
    return nvrtcBackend(openNvrtc(findLibrary("nvrtc", options).path));
  } catch (error) {
    const found = await findNvcc(nvcc);
    if ("backend" in found) return found.backend;
    if (!(error instanceof UserError)) throw error;
    const [problem] = error.problems;
    throw new UserError({ ...problem, got: [problem.got, ...found.refusals].join("\n    ") }, { cause: error });
  }
}

export interface CompilerOptions {
  /** Folder of the `.cu` and `.cuh` files; by default the kernels of this engine. */
  readonly sources?: string;
  /** Folder of compiled kernels; by default `~/.cache/hephaestus/cuda`. */
  readonly cacheFolder?: string;
  /** Gets a line when something takes a while or was repaired. */
  readonly report?: (line: string) => void;
  /** How many compile at once. */
  readonly jobs?: number;
}

export interface CompiledKernel {
  readonly source: KernelSource;
  readonly cubin: Uint8Array;
}

/** What a kernel file becomes depends on its constants, not on which of its functions is asked for. */
export type KernelFile = Pick<KernelRef, "file" | "defines">;

export class Compiler {
  /** Such as `90a`. */
  readonly architecture: string;
  private readonly sources: string;
  private readonly cacheFolder: string;
  private readonly report: (line: string) => void;
  private readonly running = new Map<string, Promise<Uint8Array>>();
  private readonly waiting: (() => void)[] = [];
  private idleJobs: number;

  /** @throws UserError when the compiler does not know the card. */
  constructor(
    private readonly backend: CompilerBackend,
    card: Card,
    options: CompilerOptions = {},
  ) {
    this.architecture = architectureFor(card, backend);
    this.sources = options.sources ?? KERNEL_FOLDER;
    this.cacheFolder = options.cacheFolder ?? join(homedir(), ".cache", "hephaestus", "cuda");
    this.report = options.report ?? (() => {});
    this.idleJobs = options.jobs ?? availableParallelism();
  }

  /** @throws CompileFailure with the compiler's log, UserError when the cache cannot be written. */
  async compile({ file, defines }: KernelFile): Promise<CompiledKernel> {
    const source = await readKernelSource(file, this.sources);
    const { architecture } = this;
    const { identity } = this.backend;
    const { text, headers } = source;
    const inputs = { file, text, headers: [...headers], defines, architecture, identity };
    const key = fingerprintOf(inputs).slice(0, 32);
    const running = this.running.get(key) ?? this.build(source, defines, key).finally(() => this.running.delete(key));
    this.running.set(key, running);
    return { source, cubin: await running };
  }

  private async build(source: KernelSource, defines: KernelRef["defines"], key: string): Promise<Uint8Array> {
    const entry = { folder: this.cacheFolder, key, extension: "cubin" };
    const cached = await findCached(entry, this.report);
    if (cached !== null) return readFile(cached);
    await this.takeJob();
    try {
      this.report(`compiling ${source.file} with ${this.backend.identity} (once for this card)`);
      const cubin = await this.backend.compile({ source, defines, architecture: this.architecture });
      await storeCached(entry, cubin);
      return cubin;
    } finally {
      this.idleJobs++;
      this.waiting.shift()?.();
    }
  }

  private async takeJob(): Promise<void> {
    while (this.idleJobs === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.idleJobs--;
  }
}
