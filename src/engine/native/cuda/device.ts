/** The device interface on an NVIDIA card: buffers in its memory, programs as graphs of kernels and products. */
import { formatBytes } from "../../../base/format.js";
import { describeBuffer, type Operation } from "../call.js";
import type { Buffer, BufferSpec, Device, DeviceMemory, HostArray, Operations, Program, Timings } from "../device.js";
import { CheckedOperations } from "../operations.js";
import { Usage } from "../usage.js";
import { disposeAll } from "./disposal.js";
import { openCublasLt } from "./ffi/cublaslt.js";
import { openDriver } from "./ffi/driver.js";
import { findLibrary, type SearchPlaces } from "./ffi/libraries.js";
import { CudaProgram, type Machine } from "./program.js";
import { Compiler, findBackend } from "./runtime/compiler.js";
import { type Context, openContext } from "./runtime/context.js";
import { Matmul } from "./runtime/matmul.js";
import { matmulHost } from "./runtime/matmul-host.js";
import { Arena, DeviceBuffer } from "./runtime/memory.js";
import { Modules } from "./runtime/modules.js";
import { openRanges, type Ranges } from "./runtime/ranges.js";
import { Staging } from "./runtime/staging.js";
import { WrittenIndices } from "./written-indices.js";

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
    const ranges = openRanges(places, report);
    return new CudaDevice({ context, modules, matmul, staging: own(new Staging(context)), ranges });
  } catch (error) {
    try {
      disposeAll(owned.reverse());
    } catch {
      // What keeps the card from being opened says more than what then keeps it from being closed.
    }
    throw error;
  }
}

interface Parts extends Omit<Machine, "indices" | "own"> {
  readonly staging: Staging;
  readonly ranges: Ranges | null;
}

export class CudaDevice implements Device {
  readonly description: string;
  private readonly context: Context;
  private readonly machine: Machine;
  private readonly parts: Parts;
  private readonly arenas = new Set<Arena>();
  private readonly programs = new Set<CudaProgram>();
  private readonly indices = new WrittenIndices();
  private readonly usage = new Usage();
  private disposed = false;

  /** Takes its parts over. */
  constructor(parts: Parts) {
    const { context, modules, matmul } = parts;
    this.parts = parts;
    this.context = context;
    this.machine = { context, modules, matmul, indices: this.indices, own: (buffer) => this.own(buffer) };
    const { name, memoryBytes, computeCapability } = context.card;
    const { major, minor } = context.driverVersion;
    this.description = `${name}, ${formatBytes(memoryBytes)}, compute capability ${computeCapability.join(".")}, driver for CUDA ${major}.${minor}`;
  }

  /** Bytes of the card's memory that are free now. */
  get freeBytes(): number {
    return this.context.memory().freeBytes;
  }

  get memory(): DeviceMemory {
    const { freeBytes, totalBytes } = this.context.memory();
    return { usedBytes: totalBytes - freeBytes, totalBytes };
  }

  allocate(specs: readonly BufferSpec[]): ReadonlyMap<string, Buffer> {
    this.checkUsable();
    if (specs.length === 0) return new Map();
    const arena = new Arena(this.context, specs);
    this.arenas.add(arena);
    return arena.buffers;
  }

  free(buffers: Iterable<Buffer>): void {
    this.checkUsable();
    for (const buffer of buffers) {
      const own = this.own(buffer);
      this.usage.checkFree(own.place);
      own.arena.release(own);
      if (own.arena.freed) this.arenas.delete(own.arena);
    }
  }

  view(buffer: Buffer, name: string, start: number, shape: readonly number[]): Buffer {
    this.checkUsable();
    return this.own(buffer).view(name, start, shape);
  }

  write(buffer: Buffer, data: HostArray): void {
    this.checkUsable();
    const own = this.own(buffer);
    this.usage.checkFree(own.place);
    if ((own.dtype === "i32") !== data instanceof Int32Array || data.length !== own.size)
      throw new Error(
        `${describeBuffer(own)} cannot take ${data.length} values of ${data instanceof Int32Array ? "i32" : "f32"}`,
      );
    this.parts.staging.upload(own, data);
    if (data instanceof Int32Array) this.indices.write(own, data);
  }

  async read(buffer: Buffer): Promise<Float32Array> {
    const values = new Float32Array(buffer.size);
    await this.readInto(buffer, values);
    return values;
  }

  async readInto(buffer: Buffer, into: Float32Array | Uint16Array): Promise<void> {
    this.checkUsable();
    const own = this.own(buffer);
    if (own.dtype === "i32") throw new Error(`${describeBuffer(own)} cannot be read: it is not of floats`);
    // A running program does not write what is being read, so there is no need to wait for it.
    const beside = this.usage.running;
    try {
      await this.usage.read(own.place, () => this.parts.staging.download(own, into, { beside }));
    } finally {
      this.freeIfLast();
    }
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
    this.checkUsable();
    if (!(program instanceof CudaProgram) || !program.isOf(this.machine))
      throw new Error("this program belongs to another device");
    try {
      await this.usage.run(program.written, async () => {
        program.check();
        this.parts.staging.mark();
        await program.run(timings);
      });
    } finally {
      this.freeIfLast();
    }
  }

  /** Memory that is in use goes when that has ended. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    this.freeIfLast();
  }

  range(name: string): Disposable | null {
    return this.parts.ranges?.(name) ?? null;
  }

  private freeIfLast(): void {
    if (!this.disposed || !this.usage.idle) return;
    const { staging, matmul, modules, context } = this.parts;
    const all = [...this.programs, ...this.arenas, staging, matmul, modules, context];
    this.programs.clear();
    this.arenas.clear();
    disposeAll(all);
  }

  /** @throws Error for a buffer of another device, or one that was given back. */
  private own(buffer: Buffer): DeviceBuffer {
    const isOurs = buffer instanceof DeviceBuffer && (buffer.arena.freed || this.arenas.has(buffer.arena));
    if (!isOurs) throw new Error(`${describeBuffer(buffer)} belongs to another device`);
    if (buffer.arena.freed) throw new Error(`${describeBuffer(buffer)} was given back`);
    return buffer;
  }

  private checkUsable(): void {
    if (this.disposed) throw new Error("this device was disposed");
  }
}
