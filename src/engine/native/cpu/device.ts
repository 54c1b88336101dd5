/** The device interface on the processor: buffers in native memory, programs run by the compiled kernels. */
import { availableParallelism } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fromBf16 } from "../../../base/bf16.js";
import { sizeOf } from "../../../base/dims.js";
import { messageOf, UserError } from "../../../base/errors.js";
import { formatBytes } from "../../../base/format.js";
import { describeBuffer, type Operation } from "../call.js";
import type { Buffer, BufferSpec, Device, HostArray, Operations, Program, Timings } from "../device.js";
import { CheckedOperations, OPERATION_NAMES } from "../operations.js";
import { Usage } from "../usage.js";
import { Arena, ArenaBuffer } from "./arena.js";
import { type CompileOptions, compiledKernels } from "./compiler.js";
import { type KernelLibrary, loadLibrary } from "./ffi.js";
import { processorIdentity, vectorUnit } from "./host.js";
import { CpuProgram, native, OP_BYTES } from "./program.js";

export interface CpuDeviceOptions extends CompileOptions {
  /** By default as many as the system lets this process use. Results do not depend on it. */
  readonly threads?: number;
}

/** Where the system refuses a thread, OpenMP ends the process. */
const MOST_THREADS = 1024;

/** Elements that are read without a turn of the event loop: the next program may be waiting for it. A millisecond or two where memory is new. */
const READ_AT_ONCE = 1 << 20;
/** Elements of bf16 that become float32 at a time. */
const WIDENED_AT_ONCE = 1 << 15;

/** The kernels keep scratch memory of their own, so one program at a time runs in a process, whatever the number of devices. */
let queue: Promise<unknown> = Promise.resolve();

/**
 * Compiles the kernels where they are not cached, and loads them.
 * @throws UserError when there is no compiler, it fails, or its result cannot be loaded.
 */
export async function openCpuDevice(options: CpuDeviceOptions = {}): Promise<CpuDevice> {
  const { threads = Math.min(availableParallelism(), MOST_THREADS) } = options;
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > MOST_THREADS)
    throw new UserError({
      what: "this is no number of threads",
      expected: `a whole number from 1 to ${MOST_THREADS}`,
      got: String(threads),
    });
  return new CpuDevice(load(await compiledKernels(options)), threads);
}

function load(path: string): KernelLibrary {
  const hint = "its folder may forbid programs (mount option noexec); choose another folder for the cache";
  try {
    const library = loadLibrary(path);
    if (library.opSize() === OP_BYTES) return library;
  } catch (error) {
    throw new UserError(
      { what: "the compiled kernels cannot be loaded", where: path, got: messageOf(error), hint },
      { cause: error },
    );
  }
  throw new Error(`op_t has not ${OP_BYTES} bytes in ${path}: program.ts and abi.h disagree`);
}

export class CpuDevice implements Device {
  readonly description: string;
  private readonly arenas = new Set<Arena>();
  private readonly usage = new Usage();
  private disposed = false;

  constructor(
    private readonly library: KernelLibrary,
    readonly threads: number,
  ) {
    const unit = vectorUnit(processorIdentity());
    this.description = `CPU, ${threads} ${threads === 1 ? "thread" : "threads"}, ${unit}`;
  }

  allocate(specs: readonly BufferSpec[]): ReadonlyMap<string, Buffer> {
    this.checkUsable();
    if (specs.length === 0) return new Map();
    const refused = specs.find(({ dtype }) => dtype === "bf16");
    if (refused !== undefined)
      throw new Error(`${this.description}: no kernels for bf16, asked for by ${refused.name}`);
    const arena = new Arena(specs);
    this.arenas.add(arena);
    return arena.buffers;
  }

  free(buffers: Iterable<Buffer>): void {
    this.checkUsable();
    for (const buffer of buffers) {
      this.usage.checkFree(native(buffer).place);
      const { arena } = native(buffer);
      arena.release(native(buffer));
      if (arena.freed) this.arenas.delete(arena);
    }
  }

  view(buffer: Buffer, name: string, start: number, shape: readonly number[]): Buffer {
    this.checkUsable();
    const { arena, dtype, size, start: origin } = native(buffer);
    const sound = [start, ...shape].every((value) => Number.isSafeInteger(value) && value >= 0) && sizeOf(shape) > 0;
    if (!sound || start + sizeOf(shape) > size)
      throw new Error(`view ${name} [${shape.join(", ")}] at ${start} is not within ${describeBuffer(buffer)}`);
    return new ArenaBuffer(arena, name, shape, dtype, origin + start);
  }

  write(buffer: Buffer, data: HostArray): void {
    this.checkUsable();
    const own = native(buffer);
    this.usage.checkFree(own.place);
    const dtype = data instanceof Int32Array ? "i32" : "f32";
    if (dtype !== own.dtype || data.length !== own.size)
      throw new Error(`${describeBuffer(buffer)} cannot take ${data.length} values of ${dtype}`);
    if (data instanceof Uint16Array) copyWidened(own, data);
    else own.arena.write(own, data);
  }

  async read(buffer: Buffer): Promise<Float32Array> {
    const values = new Float32Array(buffer.size);
    await this.readInto(buffer, values);
    return values;
  }

  async readInto(buffer: Buffer, into: Float32Array | Uint16Array): Promise<void> {
    this.checkUsable();
    const own = native(buffer);
    if (own.dtype !== "f32") throw new Error(`${describeBuffer(buffer)} cannot be read as f32`);
    if (into instanceof Uint16Array || into.length !== own.size)
      throw new Error(`${describeBuffer(buffer)} cannot be read into ${into.length} values of another type or size`);
    try {
      await this.usage.read(own.place, () => copyOut(own, into));
    } finally {
      this.freeIfLast();
    }
  }

  record(body: (operations: Operations) => void): CpuProgram {
    this.checkUsable();
    const recorded: Operation[] = [];
    body(new CheckedOperations((operation) => recorded.push(operation)));
    return new CpuProgram(recorded);
  }

  async run(program: Program, timings?: Timings): Promise<void> {
    this.checkUsable();
    if (!(program instanceof CpuProgram)) throw new Error("this program belongs to another device");
    using _held = program.hold();
    try {
      await this.usage.run(program.written, () => {
        program.check();
        const turn = queue.then(() => this.execute(program, timings));
        queue = turn.catch(() => {});
        return turn;
      });
    } finally {
      this.freeIfLast();
    }
  }

  /** Memory that is in use goes when that has ended. */
  [Symbol.dispose](): void {
    this.disposed = true;
    this.freeIfLast();
  }

  private async execute(program: CpuProgram, timings: Timings | undefined): Promise<void> {
    if (program.operations === 0) return;
    this.library.setThreads(this.threads);
    using clock = timings === undefined ? null : new Clock();
    for (const { address, bytes } of program.untouched()) await this.library.touch(address, bytes);
    const { address } = program.memory;
    const outcome = await this.library.runProgram(address, program.operations, clock?.address ?? null);
    if (outcome > 0) throw new Error(`the kernels do not know operation ${outcome} of the program`);
    if (outcome < 0) throw scratchShortage(-outcome);
    if (timings !== undefined) clock?.addTo(timings, program);
  }

  private freeIfLast(): void {
    if (!this.disposed || !this.usage.idle) return;
    for (const arena of this.arenas) arena[Symbol.dispose]();
    this.arenas.clear();
  }

  private checkUsable(): void {
    if (this.disposed) throw new Error("this device was disposed");
  }
}

/** bf16 numbers as float32, in pieces that stay in the cache. */
function copyWidened({ arena, name, dtype, start, size }: ArenaBuffer, bits: Uint16Array): void {
  const widened = new Float32Array(Math.min(WIDENED_AT_ONCE, size));
  for (let from = 0; from < size; from += WIDENED_AT_ONCE) {
    const values = widened.subarray(0, Math.min(WIDENED_AT_ONCE, size - from));
    fromBf16(bits.subarray(from, from + values.length), values);
    arena.write(new ArenaBuffer(arena, name, [values.length], dtype, start + from), values);
  }
}

/** In pieces, between which the event loop turns. */
async function copyOut(buffer: ArenaBuffer, values: Float32Array): Promise<void> {
  const { arena, name, dtype, start, size } = buffer;
  for (let from = 0; from < size; from += READ_AT_ONCE) {
    if (from > 0) await nextTurn();
    const piece = values.subarray(from, from + READ_AT_ONCE);
    arena.read(new ArenaBuffer(arena, name, [piece.length], dtype, start + from), piece);
  }
}

function scratchShortage(bytes: number): UserError {
  return new UserError({
    what: "there is not enough memory for what an operation needs while it runs",
    expected: formatBytes(bytes),
    hint: "use fewer rows or shorter ones, or end other programs",
  });
}

/** Where the kernels count milliseconds by code. */
class Clock implements Disposable {
  private readonly arena = new Arena([
    { name: "milliseconds", shape: [2 * (OPERATION_NAMES.length + 1)], dtype: "f32" },
  ]);

  private get buffer(): ArenaBuffer {
    const [buffer] = this.arena.buffers.values();
    return buffer;
  }

  get address(): bigint {
    return this.buffer.address;
  }

  addTo(timings: Timings, { work }: CpuProgram): void {
    const words = new Int32Array(this.buffer.size);
    this.arena.read(this.buffer, words);
    new Float64Array(words.buffer).forEach((milliseconds, code) => {
      const name = OPERATION_NAMES[code - 1];
      const done = work.get(name);
      if (done === undefined) return;
      const { ms = 0, calls = 0, bytes = 0, flops = 0 } = timings.get(name) ?? {};
      timings.set(name, {
        ms: ms + milliseconds,
        calls: calls + done.calls,
        bytes: bytes + done.bytes,
        flops: flops + done.flops,
      });
    });
  }

  [Symbol.dispose](): void {
    this.arena[Symbol.dispose]();
  }
}
