/** The device interface on an NVIDIA card: buffers in its memory, programs as graphs of kernels and products. */
import { formatBytes } from "../../../base/format.js";
import type { Operation } from "../call.js";
import type { Buffer, BufferSpec, Device, Operations, Program, Timings } from "../device.js";
import { CheckedOperations } from "../operations.js";
import { openCublasLt } from "./ffi/cublaslt.js";
import { openDriver } from "./ffi/driver.js";
import { findLibrary, type SearchPlaces } from "./ffi/libraries.js";
import { CudaProgram, type Machine, onCard } from "./program.js";
import { Compiler, findBackend } from "./runtime/compiler.js";
import { type Context, openContext } from "./runtime/context.js";
import { Matmul } from "./runtime/matmul.js";
import { matmulHost } from "./runtime/matmul-host.js";
import { Arena, type DeviceBuffer } from "./runtime/memory.js";
import { Modules } from "./runtime/modules.js";
import { Staging } from "./runtime/staging.js";

export interface CudaDeviceOptions {
  /** Where NVIDIA's libraries may be. */
  readonly places: SearchPlaces;
  /** Which card, counted from 0. */
  readonly index?: number;
  /** Folder of compiled kernels, and file of chosen algorithms; by default in `~/.cache/hephaestus/cuda`. */
  readonly cacheFolder?: string;
  readonly algorithms?: string;
  /** Gets a line when something takes a while or was repaired. */
  readonly report?: (line: string) => void;
}

/**
 * Opens a card with the libraries that it needs.
 * @throws UserError when there is no card, driver, compiler or cuBLASLt, or one of them is too old.
 */
export async function openCudaDevice(options: CudaDeviceOptions): Promise<CudaDevice> {
  const { places, index = 0, cacheFolder, algorithms, report = () => {} } = options;
  const context = openContext(openDriver(findLibrary("driver", { places }).path), index);
  const owned: Disposable[] = [context];
  const own = <T extends Disposable>(thing: T): T => {
    owned.push(thing);
    return thing;
  };
  try {
    // Code of a newer CUDA than the driver's may not load.
    const majors = context.driverVersion.major >= 13 ? [13, 12] : [12];
    const backend = await findBackend({ places, majors });
    const compiler = new Compiler(backend, context.card, {
      report,
      ...(cacheFolder === undefined ? {} : { cacheFolder }),
    });
    const cublasLt = openCublasLt(findLibrary("cublasLt", { places, majors }).path);
    const modules = own(new Modules(context, compiler));
    const file = algorithms === undefined ? {} : { file: algorithms };
    const matmul = own(new Matmul(cublasLt, matmulHost(context), { report, ...file }));
    return new CudaDevice({ context, modules, matmul, staging: own(new Staging(context)) });
  } catch (error) {
    for (const thing of owned.reverse()) thing[Symbol.dispose]();
    throw error;
  }
}

interface Parts extends Omit<Machine, "written"> {
  readonly staging: Staging;
}

export class CudaDevice implements Device {
  readonly description: string;
  private readonly context: Context;
  private readonly machine: Machine;
  private readonly parts: Parts;
  private readonly arenas = new Set<Arena>();
  private readonly programs = new Set<CudaProgram>();
  /** Buffers of indices are small; kernels must not be handed wrong ones. By address. */
  private readonly indices = new Map<bigint, Int32Array>();
  private running: Promise<void> | null = null;
  private disposed = false;

  /** Takes its parts over. */
  constructor(parts: Parts) {
    const { context, modules, matmul } = parts;
    this.parts = parts;
    this.context = context;
    const written = ({ address, size }: DeviceBuffer): Int32Array | null => {
      const values = this.indices.get(address);
      return values === undefined || values.length < size ? null : values.subarray(0, size);
    };
    this.machine = { context, modules, matmul, written };
    const { name, memoryBytes, computeCapability } = context.card;
    const { major, minor } = context.driverVersion;
    this.description = `${name}, ${formatBytes(memoryBytes)}, compute capability ${computeCapability.join(".")}, driver for CUDA ${major}.${minor}`;
  }

  /** Bytes of the card's memory that are free now. */
  get freeBytes(): number {
    return this.context.memory().freeBytes;
  }

  allocate(specs: readonly BufferSpec[]): ReadonlyMap<string, Buffer> {
    this.checkUsable();
    if (specs.length === 0) return new Map();
    const arena = new Arena(this.context, specs);
    this.arenas.add(arena);
    return arena.buffers;
  }

  free(buffers: Iterable<Buffer>): void {
    this.checkIdle();
    for (const buffer of buffers) {
      const own = onCard(buffer);
      this.indices.delete(own.address);
      own.arena.release(own);
      if (own.arena.freed) this.arenas.delete(own.arena);
    }
  }

  view(buffer: Buffer, name: string, start: number, shape: readonly number[]): Buffer {
    this.checkUsable();
    return onCard(buffer).view(name, start, shape);
  }

  write(buffer: Buffer, data: Float32Array | Int32Array): void {
    this.checkIdle();
    const own = onCard(buffer);
    this.parts.staging.upload(own, data);
    if (data instanceof Int32Array) this.indices.set(own.address, data.slice());
  }

  async read(buffer: Buffer): Promise<Float32Array> {
    this.checkIdle();
    const own = onCard(buffer);
    const values = new Float32Array(own.size);
    await this.parts.staging.download(own, values);
    return values;
  }

  record(body: (operations: Operations) => void): CudaProgram {
    this.checkUsable();
    const recorded: Operation[] = [];
    body(new CheckedOperations((operation) => recorded.push(operation)));
    const program = new CudaProgram(this.machine, recorded, (one) => this.programs.delete(one));
    this.programs.add(program);
    return program;
  }

  async run(program: Program, timings?: Timings): Promise<void> {
    this.checkIdle();
    if (!(program instanceof CudaProgram) || !this.programs.has(program))
      throw new Error("this program belongs to another device");
    program.check();
    this.running = program.run(timings);
    try {
      await this.running;
    } finally {
      this.running = null;
      if (this.disposed) this.freeAll();
    }
  }

  /** Memory that a running program uses goes when it has ended. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    if (this.running === null) this.freeAll();
  }

  private freeAll(): void {
    for (const program of this.programs) program[Symbol.dispose]();
    for (const arena of this.arenas) arena[Symbol.dispose]();
    const { staging, matmul, modules, context } = this.parts;
    for (const part of [staging, matmul, modules, context]) part[Symbol.dispose]();
    this.programs.clear();
    this.arenas.clear();
    this.indices.clear();
  }

  private checkUsable(): void {
    if (this.disposed) throw new Error("this device was disposed");
  }

  /** Copies keep the order of the stream, but a program's own buffers must not change while it runs. */
  private checkIdle(): void {
    this.checkUsable();
    if (this.running !== null) throw new Error("a program is running on this device; wait for it first");
  }
}
