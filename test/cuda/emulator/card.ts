/**
 * The emulated card in a test's hands: compiles kernel text, keeps buffers, launches, reads back; every call is checked. It goes through
 * the engine's own bindings, and through nothing else of the engine.
 */
import { type CublasLt, openCublasLt } from "../../../src/engine/native/cuda/ffi/cublaslt.js";
import { type Driver, openDriver } from "../../../src/engine/native/cuda/ffi/driver.js";
import { textAt } from "../../../src/engine/native/cuda/ffi/host-memory.js";
import { type Nvrtc, openNvrtc } from "../../../src/engine/native/cuda/ffi/nvrtc.js";
import { type Emulator, openEmulator } from "./emulator.js";
import { addressesOf } from "./parameters.js";

export type Data = Float32Array | Int32Array | Uint16Array | Uint32Array | Uint8Array;
/** Address of device memory, or a number of the parameter's own type. */
export type Value = bigint | { readonly i32: number } | { readonly f32: number };

export interface Shape {
  readonly grid?: number | readonly [number, number, number];
  readonly block?: number | readonly [number, number, number];
  readonly shared?: number;
  readonly stream?: bigint | null;
}

export interface CompileResult {
  readonly status: number;
  readonly log: string;
  readonly image: Uint8Array;
}

/** Opens the emulator as if the process had just begun, with a context. */
export async function openCard(): Promise<Card> {
  const emulator = await openEmulator();
  emulator.reset();
  const driver = openDriver(emulator.path);
  return new Card(emulator, driver, openNvrtc(emulator.path), openCublasLt(emulator.path));
}

export class Card {
  constructor(
    readonly emulator: Emulator,
    readonly driver: Driver,
    readonly nvrtc: Nvrtc,
    readonly lt: CublasLt,
  ) {
    this.check(driver.cuInit(0));
    const context = new BigUint64Array(1);
    this.check(driver.cuDevicePrimaryCtxRetain(context, 0));
    this.check(driver.cuCtxSetCurrent(context[0]));
  }

  /** @throws Error that names the status. */
  check(status: number): void {
    if (status !== 0) throw new Error(this.nameOf(status));
  }

  nameOf(status: number): string {
    const name = new BigUint64Array(1);
    return this.driver.cuGetErrorName(status, name) === 0 ? textAt(name[0]) : `status ${status}`;
  }

  /** Calls something that fills one address. */
  made(make: (out: BigUint64Array) => number): bigint {
    const out = new BigUint64Array(1);
    this.check(make(out));
    return out[0];
  }

  async compile(
    source: string,
    options: readonly string[] = [],
    headers: Record<string, string> = {},
  ): Promise<CompileResult> {
    const names = Object.keys(headers);
    const texts = Object.values(headers);
    const program = new BigUint64Array(1);
    const { nvrtc } = this;
    const created = nvrtc.nvrtcCreateProgram(program, source, "test.cu", names.length, texts, names);
    if (created !== 0) throw new Error(`nvrtcCreateProgram: ${created}`);
    const all = ["--gpu-architecture=sm_90", ...options];
    const status = await nvrtc.nvrtcCompileProgram(program[0], all.length, all);
    const size = new BigUint64Array(1);
    nvrtc.nvrtcGetProgramLogSize(program[0], size);
    const log = new Uint8Array(Number(size[0]));
    nvrtc.nvrtcGetProgramLog(program[0], log);
    nvrtc.nvrtcGetCUBINSize(program[0], size);
    const image = new Uint8Array(Number(size[0]));
    if (image.length > 0) nvrtc.nvrtcGetCUBIN(program[0], image);
    nvrtc.nvrtcDestroyProgram(program);
    return { status, log: Buffer.from(log).toString("utf8").replace(/\0$/, ""), image };
  }

  /** The functions of kernel text, by name. */
  async kernels(source: string, ...options: readonly string[]): Promise<(name: string) => bigint> {
    const { status, log, image } = await this.compile(source, options);
    if (status !== 0) throw new Error(log);
    const module = this.made((out) => this.driver.cuModuleLoadDataEx(out, image, 0, null, null));
    return (name) => this.made((out) => this.driver.cuModuleGetFunction(out, module, name));
  }

  allocate(bytes: number): bigint {
    return this.made((out) => this.driver.cuMemAlloc_v2(out, bytes));
  }

  upload(data: Data): bigint {
    const address = this.allocate(data.byteLength);
    this.check(this.driver.cuMemcpyHtoDAsync_v2(address, data, data.byteLength, null));
    return address;
  }

  /** Fills `data` with what lies there, after all work. */
  download<T extends Data>(address: bigint, data: T): T {
    this.check(this.driver.cuMemcpyDtoHAsync_v2(data, address, data.byteLength, null));
    return data;
  }

  /** Gives the status of the launch itself, which does not wait. */
  launch(kernel: bigint, shape: Shape, ...values: readonly Value[]): number {
    const { grid = 1, block = 32, shared = 0, stream = null } = shape;
    const [gx, gy, gz] = typeof grid === "number" ? [grid, 1, 1] : grid;
    const [bx, by, bz] = typeof block === "number" ? [block, 1, 1] : block;
    const parameters = addressesOf(values.map(valueBytes));
    return this.driver.cuLaunchKernel(kernel, gx, gy, gz, bx, by, bz, shared, stream, parameters.list, null);
  }

  /** Launches and waits. @throws Error that names the status of either. */
  run(kernel: bigint, shape: Shape, ...values: readonly Value[]): void {
    this.check(this.launch(kernel, shape, ...values));
    this.check(this.synchronize());
  }

  synchronize(stream: bigint | null = null): number {
    const event = this.made((out) => this.driver.cuEventCreate(out, 2));
    const recorded = this.driver.cuEventRecord(event, stream);
    const status = recorded === 0 ? this.driver.cuEventSynchronize(event) : recorded;
    this.driver.cuEventDestroy_v2(event);
    return status;
  }
}

function valueBytes(value: Value): ArrayBuffer {
  if (typeof value === "bigint") return new BigUint64Array([value]).buffer;
  return "i32" in value ? new Int32Array([value.i32]).buffer : new Float32Array([value.f32]).buffer;
}
