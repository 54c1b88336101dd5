/**
 * What an engine may tell about its own speed and memory, beside the seam: each member is optional and looked for on the object itself.
 * An engine that has none of it is still measured, from outside.
 */
import type { Engine } from "../engine/engine.js";
import type { DeviceMemory } from "../engine/native/device.js";

/** The product out[rows, columns] = a[rows, inner] · b[columns, inner]ᵀ: 2·rows·columns·inner FLOPs. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** What the machine reaches when it does nothing but this product; an engine may have taken fewer rows than asked for. */
export interface Ceiling extends Product {
  readonly flopsPerSecond: number;
}

/** What the machine reaches when it does nothing but copy so many bytes; what is read and what is written both count. */
export interface CopyCeiling {
  readonly bytes: number;
  readonly bytesPerSecond: number;
}

export interface OperationTime {
  /** Such as `matmul` or `attentionBackward`. */
  readonly kind: string;
  readonly ms: number;
  readonly calls: number;
  /** Read and written, where the engine knows. */
  readonly bytes?: number;
  /** Of products, where the engine knows; 0 for what is no product. */
  readonly flops?: number;
}

export interface Profiled {
  /** Threads that compute. */
  readonly threads?: number | undefined;
  /** Absent where a device computes in the process's memory. */
  readonly deviceMemory?: DeviceMemory | undefined;
  /** Times a product of this size with the same code that the steps run. */
  matmulCeiling?(product: Product): Ceiling | Promise<Ceiling>;
  copyCeiling?(bytes: number): CopyCeiling | Promise<CopyCeiling>;
  /** Time of every kind of operation since the call before. The first call starts the clocks and gives nothing. */
  profile?(): readonly OperationTime[];
}

/** The same engine, with what it may tell. */
export function profiled<E extends Engine>(engine: E): E & Profiled {
  return engine as E & Profiled;
}
