/**
 * A driver in TypeScript for tests of what is done with one: memory is the machine's own, work is done at once, calls can be told to fail,
 * and what was not given back can be counted. Kernels are closures by name.
 */
import { CONSTANTS as C, type Driver } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { addressOf, viewOf } from "../../../../../src/engine/native/cuda/ffi/host-memory.js";
import type { Pointer } from "../../../../../src/engine/native/cuda/ffi/prototypes.js";

type Kind = "context" | "stream" | "event" | "memory" | "pinned" | "module" | "graph" | "executable";

/** What a kernel of the fake sees: the first 8 bytes of each argument. */
export type FakeKernel = (args: DataView[], shape: readonly number[]) => void;

export interface FakeCard {
  readonly name?: string;
  readonly capability?: readonly [number, number];
  readonly driverVersion?: number;
  readonly count?: number;
  readonly memoryBytes?: number;
}

/** Fills what a function was given to fill. */
function put<Value extends number | bigint>(out: { [index: number]: Value }, value: Value): number {
  out[0] = value;
  return 0;
}

export class FakeDriver {
  /** Functions that fail with this status instead of doing anything, by name. */
  readonly failures = new Map<string, number>();
  /** How often such a function works before it fails. */
  readonly successes = new Map<string, number>();
  /** Names of the functions called, in order. */
  readonly calls: string[] = [];
  /** What was made and not given back. */
  readonly live = new Map<bigint, Kind>();
  readonly kernels = new Map<string, FakeKernel>();
  readonly sharedLimits = new Map<string, number>();
  /** How often an event is asked before it is reached. */
  delays = 0;
  imageLog = "";
  readonly driver: Driver;

  private next = 0x1000n;
  private readonly memory = new Map<bigint, ArrayBuffer>();
  private readonly functions = new Map<bigint, string>();
  private readonly graphs = new Map<bigint, (() => void)[]>();
  private recording: (() => void)[] | null = null;
  private readonly texts: ArrayBuffer[] = [];

  constructor(private readonly card: FakeCard = {}) {
    const all: Record<string, (...values: never[]) => number> = {
      ...this.cardFunctions(),
      ...this.streamFunctions(),
      ...this.memoryFunctions(),
      ...this.moduleFunctions(),
      ...this.graphFunctions(),
    };
    const wrapped = Object.entries(all).map(([name, call]) => [
      name,
      (...values: never[]) => {
        this.calls.push(name);
        const left = this.successes.get(name) ?? 0;
        this.successes.set(name, left - 1);
        return left > 0 ? call(...values) : (this.failures.get(name) ?? call(...values));
      },
    ]);
    this.driver = Object.fromEntries(wrapped) as Driver;
  }

  /** How many of a kind were not given back. */
  count(kind: Kind): number {
    return [...this.live.values()].filter((one) => one === kind).length;
  }

  private make(kind: Kind, out: Pointer): number {
    const handle = this.next++;
    this.live.set(handle, kind);
    (out as BigUint64Array)[0] = handle;
    return 0;
  }

  private drop(kind: Kind, handle: Pointer): number {
    if (this.live.get(handle as bigint) !== kind) return 400;
    this.live.delete(handle as bigint);
    return 0;
  }

  private work(run: () => void): number {
    if (this.recording === null) run();
    else this.recording.push(run);
    return 0;
  }

  private cardFunctions() {
    const {
      name = "Fake 100",
      capability = [9, 0],
      driverVersion = 13000,
      count = 1,
      memoryBytes = 1 << 30,
    } = this.card;
    const attributes = new Map<number, number>([
      [C.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, capability[0]],
      [C.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, capability[1]],
      [C.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 132],
      [C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 227 << 10],
      [C.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 50 << 20],
    ]);
    const text = (out: Pointer, words: string): number => {
      const bytes = new TextEncoder().encode(`${words}\0`);
      const kept = new ArrayBuffer(bytes.length);
      new Uint8Array(kept).set(bytes);
      this.texts.push(kept);
      (out as BigUint64Array)[0] = addressOf(kept);
      return 0;
    };
    return {
      cuInit: () => 0,
      cuDriverGetVersion: (out: Int32Array) => put(out, driverVersion),
      cuGetErrorName: (status: number, out: Pointer) => {
        const found = Object.entries(C).find(([key, value]) => key.startsWith("CUDA_") && value === status);
        return found === undefined ? 1 : text(out, found[0]);
      },
      cuGetErrorString: (status: number, out: Pointer) => text(out, `words for ${status}`),
      cuDeviceGetCount: (out: Int32Array) => put(out, count),
      cuDeviceGet: (out: Int32Array, ordinal: number) => put(out, ordinal),
      cuDeviceGetName: (out: Uint8Array) => {
        new TextEncoder().encodeInto(name, out);
        return 0;
      },
      cuDeviceGetAttribute: (out: Int32Array, which: number) => put(out, attributes.get(which) ?? 0),
      cuDeviceTotalMem_v2: (out: BigUint64Array) => put(out, BigInt(memoryBytes)),
      cuDevicePrimaryCtxRetain: (out: Pointer) => this.make("context", out),
      cuDevicePrimaryCtxRelease_v2: () => {
        const [handle] = [...this.live].find(([, kind]) => kind === "context") ?? [0n];
        return this.drop("context", handle);
      },
      cuCtxSetCurrent: () => 0,
    };
  }

  private streamFunctions() {
    let asked = 0;
    return {
      cuStreamCreate: (out: Pointer) => this.make("stream", out),
      cuStreamDestroy_v2: (handle: Pointer) => this.drop("stream", handle),
      cuStreamWaitEvent: () => 0,
      cuEventCreate: (out: Pointer) => this.make("event", out),
      cuEventDestroy_v2: (handle: Pointer) => this.drop("event", handle),
      cuEventRecord: () => {
        asked = 0;
        return 0;
      },
      cuEventQuery: () => (asked++ < this.delays ? C.CUDA_ERROR_NOT_READY : 0),
      cuEventSynchronize: () => 0,
      cuEventElapsedTime: (out: Float32Array) => put(out, 1.5),
    };
  }

  private memoryFunctions() {
    const { memoryBytes = 1 << 30 } = this.card;
    const used = (): number => [...this.memory.values()].reduce((sum, buffer) => sum + buffer.byteLength, 0);
    const allocate = (kind: Kind, out: Pointer, bytes: number): number => {
      if (used() + bytes > memoryBytes) return C.CUDA_ERROR_OUT_OF_MEMORY;
      // Aligned as the driver does, and not zero.
      const buffer = new ArrayBuffer(bytes + 256);
      new Uint8Array(buffer).fill(0xff);
      const address = (addressOf(buffer) + 255n) & ~255n;
      this.memory.set(address, buffer);
      this.live.set(address, kind);
      (out as BigUint64Array)[0] = address;
      return 0;
    };
    const free = (kind: Kind, address: Pointer): number => {
      this.memory.delete(address as bigint);
      return this.drop(kind, address);
    };
    const copy = (to: bigint, from: bigint, bytes: number): number =>
      this.work(() => new Uint8Array(viewOf(to, bytes)).set(new Uint8Array(viewOf(from, bytes))));
    return {
      cuMemGetInfo_v2: (free: BigUint64Array, total: BigUint64Array) => {
        free[0] = BigInt(memoryBytes - used());
        total[0] = BigInt(memoryBytes);
        return 0;
      },
      cuMemAlloc_v2: (out: Pointer, bytes: number) => allocate("memory", out, bytes),
      cuMemFree_v2: (address: Pointer) => free("memory", address),
      cuMemHostAlloc: (out: Pointer, bytes: number) => allocate("pinned", out, bytes),
      cuMemFreeHost: (address: Pointer) => free("pinned", address),
      cuMemcpyHtoDAsync_v2: copy,
      cuMemcpyDtoHAsync_v2: copy,
      cuMemcpyDtoDAsync_v2: copy,
      cuMemsetD8Async: (to: bigint, value: number, bytes: number) =>
        this.work(() => new Uint8Array(viewOf(to, bytes)).fill(value)),
    };
  }

  private moduleFunctions() {
    return {
      cuModuleLoadDataEx: (
        out: Pointer,
        _image: Pointer,
        count: number,
        _options: Int32Array,
        values: BigUint64Array,
      ) => {
        if (this.imageLog === "") return this.make("module", out);
        const log = new Uint8Array(viewOf(values[0], Number(values[count - 1])));
        new TextEncoder().encodeInto(this.imageLog, log);
        return C.CUDA_ERROR_INVALID_IMAGE;
      },
      cuModuleUnload: (handle: Pointer) => this.drop("module", handle),
      cuModuleGetFunction: (out: BigUint64Array, _module: Pointer, name: string) => {
        if (!this.kernels.has(name)) return C.CUDA_ERROR_NOT_FOUND;
        out[0] = this.next++;
        this.functions.set(out[0], name);
        return 0;
      },
      cuFuncGetAttribute: (out: Int32Array, which: number) => {
        const values = new Map<number, number>([
          [C.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 256],
          [C.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, 1024],
          [C.CU_FUNC_ATTRIBUTE_NUM_REGS, 40],
        ]);
        out[0] = values.get(which) ?? 0;
        return 0;
      },
      cuFuncSetAttribute: (handle: bigint, _which: number, value: number) => {
        this.sharedLimits.set(this.functions.get(handle) ?? "", value);
        return 0;
      },
      cuLaunchKernel: (handle: bigint, ...rest: (number | bigint)[]) => {
        const name = this.functions.get(handle) ?? "";
        const kernel = this.kernels.get(name);
        const [pointers] = rest.slice(8) as bigint[];
        if (kernel === undefined) return 400;
        // The driver copies as many arguments as the kernel has; the fake reads as many as its closure names.
        const addresses = new BigUint64Array(viewOf(pointers, 8 * 16));
        const args = [...addresses].map((address) => new DataView(viewOf(address, 8).slice(0)));
        return this.work(() => kernel(args, rest.slice(0, 7).map(Number)));
      },
    };
  }

  private graphFunctions() {
    return {
      cuStreamBeginCapture_v2: () => {
        this.recording = [];
        return 0;
      },
      cuStreamEndCapture: (_stream: Pointer, out: BigUint64Array) => {
        const recorded = this.recording ?? [];
        this.recording = null;
        this.make("graph", out);
        this.graphs.set(out[0], recorded);
        return 0;
      },
      cuGraphGetNodes: (graph: bigint, _nodes: Pointer, out: BigUint64Array) => {
        out[0] = BigInt(this.graphs.get(graph)?.length ?? 0);
        return 0;
      },
      cuGraphInstantiateWithFlags: (out: BigUint64Array, graph: bigint) => {
        this.make("executable", out);
        this.graphs.set(out[0], this.graphs.get(graph) ?? []);
        return 0;
      },
      cuGraphLaunch: (handle: bigint) => {
        for (const run of this.graphs.get(handle) ?? []) run();
        return 0;
      },
      cuGraphExecDestroy: (handle: Pointer) => this.drop("executable", handle),
      cuGraphDestroy: (handle: Pointer) => this.drop("graph", handle),
    };
  }
}
