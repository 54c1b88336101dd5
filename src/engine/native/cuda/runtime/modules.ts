/** Compiled kernels on the card, and launching them. */
import { formatBytes } from "../../../../base/format.js";
import { disposeAll } from "../disposal.js";
import { CONSTANTS as C } from "../ffi/driver.js";
import { addressOf } from "../ffi/host-memory.js";
import { ArgumentBlock } from "./argument-block.js";
import type { Compiler } from "./compiler.js";
import type { Context } from "./context.js";
import { isLost } from "./errors.js";
import type { KernelSource } from "./kernel-source.js";
import type { Address, KernelRef, Launch } from "./launch.js";
import { checkArguments, type Parameter, signaturesOf } from "./signature.js";
import type { Stream } from "./stream.js";

/** What a block may have without asking for more. */
const SHARED_BYTES_GRANTED = 48 << 10;
const LOG_BYTES = 8 << 10;
const MOST_BLOCKS: readonly number[] = [2 ** 31 - 1, 65535, 65535];

class LoadedModule implements Disposable {
  constructor(
    private readonly context: Context,
    readonly source: KernelSource,
    readonly handle: Address,
  ) {}

  [Symbol.dispose](): void {
    const { driver } = this.context;
    const status = driver.cuModuleUnload(this.handle);
    if (!isLost(driver)) this.context.check(status, `unload ${this.source.file}`);
  }
}

/** What a kernel takes of a multiprocessor, as compiled. */
export interface KernelUsage {
  readonly registers: number;
  /** Spilled registers and arrays in memory, per thread. */
  readonly localBytes: number;
  /** Static shared memory of a block. */
  readonly sharedBytes: number;
  readonly mostThreads: number;
}

interface LoadedKernel extends KernelUsage {
  readonly handle: Address;
  readonly signatures: readonly (readonly Parameter[])[];
  /** How much dynamic shared memory it may be launched with now. */
  grantedBytes: number;
}

export class Modules implements Disposable {
  /** By file and constants. */
  private readonly modules = new Map<string, Promise<LoadedModule>>();
  private readonly loaded: LoadedModule[] = [];
  /** By file, constants and function. */
  private readonly kernels = new Map<string, LoadedKernel>();
  /** Launches come with few distinct references; this saves composing their names. */
  private readonly byRef = new WeakMap<KernelRef, LoadedKernel>();
  private readonly block = new ArgumentBlock();

  constructor(
    private readonly context: Context,
    private readonly compiler: Compiler,
  ) {}

  /** Compiles what is not cached, all at once, and loads it. @throws CompileFailure, UserError, Error for an unknown kernel. */
  async prepare(refs: Iterable<KernelRef>): Promise<void> {
    const distinct = new Map([...refs].map((ref) => [keyOf(ref), ref]));
    const results = await Promise.allSettled([...distinct].map(([key, ref]) => this.prepareOne(key, ref)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** @throws Error when it was not prepared, the arguments do not fit its signature, or its shape is more than the card allows. */
  launch(launch: Launch, stream: Stream = this.context.stream): void {
    const { kernel: ref, grid, block, sharedBytes, args } = launch;
    const kernel = this.find(ref);
    checkArguments(ref.name, kernel.signatures, args);
    this.checkShape(launch, kernel);
    if (sharedBytes > kernel.grantedBytes) this.grant(ref.name, kernel, sharedBytes);
    const { driver } = this.context;
    const status = driver.cuLaunchKernel(
      kernel.handle,
      ...grid,
      ...block,
      sharedBytes,
      stream.handle,
      this.block.fill(args),
      null,
    );
    if (status !== C.CUDA_SUCCESS)
      this.context.check(status, `launch ${ref.name} with ${grid.join("x")} blocks of ${block.join("x")} threads`);
  }

  /** What a prepared kernel takes. */
  usage(ref: KernelRef): KernelUsage {
    return this.find(ref);
  }

  [Symbol.dispose](): void {
    this.modules.clear();
    this.kernels.clear();
    disposeAll(this.loaded.splice(0));
  }

  private find(ref: KernelRef): LoadedKernel {
    const known = this.byRef.get(ref) ?? this.kernels.get(keyOf(ref));
    if (known === undefined) throw new Error(`the kernel ${ref.name} of ${ref.file} was not prepared`);
    this.byRef.set(ref, known);
    return known;
  }

  private async prepareOne(key: string, ref: KernelRef): Promise<void> {
    const moduleKey = JSON.stringify([ref.file, sorted(ref.defines)]);
    const loading = this.modules.get(moduleKey) ?? this.load(ref);
    this.modules.set(moduleKey, loading);
    const module = await loading.catch((error: unknown) => {
      this.modules.delete(moduleKey);
      throw error;
    });
    if (!this.kernels.has(key)) this.kernels.set(key, this.function(module, ref.name));
  }

  private async load(ref: KernelRef): Promise<LoadedModule> {
    const { source, cubin } = await this.compiler.compile(ref);
    const handle = new BigUint64Array(1);
    const log = new ArrayBuffer(LOG_BYTES);
    const options = Int32Array.of(C.CU_JIT_ERROR_LOG_BUFFER, C.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
    const values = BigUint64Array.of(addressOf(log), BigInt(LOG_BYTES));
    const status = this.context.driver.cuModuleLoadDataEx(handle, cubin, options.length, options, values);
    const words = new TextDecoder().decode(log).split("\0", 1)[0].trim();
    this.context.check(status, `load ${source.file}${words === "" ? "" : ` (${words})`}`);
    const module = new LoadedModule(this.context, source, handle[0]);
    this.loaded.push(module);
    return module;
  }

  private function({ source, handle: module }: LoadedModule, name: string): LoadedKernel {
    const signatures = signaturesOf(source.file, source.text, name);
    const found = new BigUint64Array(1);
    const { driver } = this.context;
    this.context.check(driver.cuModuleGetFunction(found, module, name), `find ${name} in ${source.file}`);
    const attribute = (which: number): number => {
      const value = new Int32Array(1);
      this.context.check(driver.cuFuncGetAttribute(value, which, found[0]), `tell attribute ${which} of ${name}`);
      return value[0];
    };
    const sharedBytes = attribute(C.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
    return {
      handle: found[0],
      signatures,
      registers: attribute(C.CU_FUNC_ATTRIBUTE_NUM_REGS),
      localBytes: attribute(C.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES),
      sharedBytes,
      mostThreads: attribute(C.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
      grantedBytes: SHARED_BYTES_GRANTED - sharedBytes,
    };
  }

  private checkShape(
    { kernel, grid, block, sharedBytes }: Launch,
    { sharedBytes: own, mostThreads }: LoadedKernel,
  ): void {
    const refuse = (what: string): never => {
      throw new Error(`${kernel.name} cannot be launched with ${what}`);
    };
    const threads = block[0] * block[1] * block[2];
    const sound = [...grid, ...block].every((extent) => Number.isInteger(extent) && extent > 0);
    if (!sound || grid.some((extent, axis) => extent > MOST_BLOCKS[axis]))
      refuse(`${grid.join("x")} blocks of ${block.join("x")} threads`);
    if (threads > mostThreads) refuse(`${threads} threads in a block; it was compiled for at most ${mostThreads}`);
    const limit = this.context.card.sharedBytesPerBlock;
    if (!Number.isInteger(sharedBytes) || sharedBytes < 0 || sharedBytes + own > limit)
      refuse(`${sharedBytes} bytes of shared memory beside ${own} of its own; the card has ${formatBytes(limit)}`);
  }

  private grant(name: string, kernel: LoadedKernel, bytes: number): void {
    const which = C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    const status = this.context.driver.cuFuncSetAttribute(kernel.handle, which, bytes);
    this.context.check(status, `grant ${name} ${bytes} bytes of shared memory`);
    kernel.grantedBytes = bytes;
  }
}

function keyOf({ file, name, defines }: KernelRef): string {
  return JSON.stringify([file, sorted(defines), name]);
}

function sorted(defines: KernelRef["defines"]): readonly (readonly [string, string | number])[] {
  return Object.entries(defines).sort(([a], [b]) => (a < b ? -1 : 1));
}
