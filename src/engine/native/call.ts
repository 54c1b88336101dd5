/** One call of an operation while a program is recorded: its named buffers, the checks of their shapes, and what is left of it. */
import type { AttentionShape, Buffer, Dtype, Operations } from "./device.js";

export type OperationName = keyof Operations;

/**
 * What a buffer of indices may hold: numbers below `limit`, or `causal`: at most the token's own position in its row of `T`; or `cached`:
 * below `limit`, each row of `T` numbers one after the other within a row of `S`.
 */
export type IndexRule =
  | { readonly limit: number }
  | { readonly causal: { readonly T: number } }
  | { readonly cached: { readonly T: number; readonly S: number; readonly limit: number } };

/** What the n-th of some indices may be, from the first number to the one before the second. */
export function allowedIndex(rule: IndexRule, n: number, values: Int32Array): readonly [number, number] {
  if ("limit" in rule) return [0, rule.limit];
  if ("causal" in rule) return [0, (n % rule.causal.T) + 1];
  const { T, S, limit } = rule.cached;
  const first = values[n - (n % T)];
  if (n % T > 0) return [first + (n % T), first + (n % T) + 1];
  const end = (Math.floor(first / S) + 1) * S - T + 1;
  return [0, Math.min(limit, Math.max(end, 0))];
}

/** A checked call: all that a device needs to know, as plain values. */
export interface Operation {
  readonly name: OperationName;
  readonly flags: number;
  readonly sizes: readonly number[];
  readonly reals: readonly number[];
  /** Outputs first, as in `device.ts`. */
  readonly buffers: readonly (Buffer | null)[];
  /** How many of the buffers are written. */
  readonly outputs: number;
  /** Positions of an output and an input that may be the same memory. */
  readonly inPlace: readonly [number, number] | null;
  readonly indices: readonly { readonly buffer: Buffer; readonly rule: IndexRule }[];
}

/** What a call adds to its buffers. */
export interface CallDetails {
  readonly outputs: number;
  readonly sizes: readonly number[];
  readonly flags?: number;
  readonly reals?: readonly number[];
  readonly inPlace?: readonly [number, number];
}

/** `logits f32[8, 512]`. */
export function describeBuffer({ name, dtype, shape }: Buffer): string {
  return `${name} ${dtype}[${shape.join(", ")}]`;
}

/** The buffers of one call by the names of `device.ts`, in its order. */
export class Call<Name extends string> {
  private readonly indices: { buffer: Buffer; rule: IndexRule }[] = [];
  /** The float type of the call's matrices, from the first of them that was asked about. */
  private float: { readonly name: string; readonly dtype: Dtype } | null = null;

  constructor(
    private readonly operation: OperationName,
    private readonly buffers: Readonly<Record<Name, Buffer | null>>,
  ) {}

  /** Rows and width of a buffer of floats: the last extent is the width. */
  matrix(name: Name): { readonly rows: number; readonly width: number } {
    const buffer = this.floats(name);
    const width = buffer.shape.at(-1) ?? 1;
    return { rows: buffer.size / width, width };
  }

  /** Demands a buffer of floats, of exactly so many rows of this width. */
  expectMatrix(name: Name, rows: number, width: number): void {
    const found = this.matrix(name);
    if (found.rows !== rows || found.width !== width)
      this.refuse(name, `must be ${this.float?.dtype}[${rows}, ${width}]`);
  }

  /** Demands a buffer of floats, of so many elements, whatever its shape. */
  expectSize(name: Name, size: number): void {
    if (this.floats(name).size !== size) this.refuse(name, `must have ${size} elements`);
  }

  /** Demands so many elements of float32, whatever the matrices are. */
  expectFloat32(name: Name, size: number): void {
    if (this.of(name, "f32").size !== size) this.refuse(name, `must have ${size} elements`);
  }

  /** Demands so many floats of any type. */
  expectAnyFloats(name: Name, size: number): void {
    const buffer = this.of(name, "f32", "bf16");
    if (buffer.size !== size) this.refuse(name, `must have ${size} elements`);
  }

  /** Demands an i32 buffer of so many elements; what they may be is checked when the program runs. */
  expectIndices(name: Name, size: number, rule: IndexRule): void {
    const buffer = this.of(name, "i32");
    if (buffer.size !== size) this.refuse(name, `must have ${size} elements`);
    this.indices.push({ buffer, rule });
  }

  /** Demands a qkv buffer [B·T, (H+2K)·D] and sound numbers. */
  expectAttention(name: Name, shape: AttentionShape): void {
    const { B, T, H, K, D, window } = shape;
    const whole = [B, T, H, K, D, window ?? 1].every((value) => Number.isSafeInteger(value) && value > 0);
    if (!whole || H % K !== 0) this.refuse(null, `B, T, H, K, D, window must be whole and positive, and K divide H`);
    this.expectMatrix(name, B * T, (H + 2 * K) * D);
  }

  /** @throws Error that names the operation and all its buffers. */
  refuse(name: Name | null, why: string): never {
    const all = Object.entries<Buffer | null>(this.buffers).map(
      ([role, buffer]) => `${role}: ${buffer === null ? "null" : describeBuffer(buffer)}`,
    );
    throw new Error(`${this.operation}(${all.join("; ")}): ${name === null ? "" : `${name} `}${why}`);
  }

  /** The checked call. */
  done({ outputs, sizes, flags = 0, reals = [], inPlace }: CallDetails): Operation {
    const buffers = Object.values<Buffer | null>(this.buffers);
    const { operation: name, indices } = this;
    return { name, flags, sizes, reals, buffers, outputs, inPlace: inPlace ?? null, indices };
  }

  /** One of the call's matrices: all of them are of one type. */
  private floats(name: Name): Buffer {
    const buffer = this.of(name, "f32", "bf16");
    this.float ??= { name, dtype: buffer.dtype };
    if (buffer.dtype !== this.float.dtype) this.refuse(name, `must be ${this.float.dtype}, like ${this.float.name}`);
    return buffer;
  }

  private of(name: Name, ...dtypes: readonly Dtype[]): Buffer {
    const buffer = this.buffers[name];
    if (buffer === null) return this.refuse(name, "must not be null");
    if (!dtypes.includes(buffer.dtype)) this.refuse(name, `must be ${dtypes.join(" or ")}`);
    return buffer;
  }
}

/** A stretch of memory, counted from the beginning of `memory` in any one unit. */
export interface Place {
  readonly memory: unknown;
  readonly start: number;
  readonly size: number;
}

export function overlap(a: Place, b: Place): boolean {
  return a.memory === b.memory && a.start < b.start + b.size && b.start < a.start + a.size;
}

/** Refuses a call that writes over memory which it also reads or writes otherwise: kernels read while they write. */
export function checkOverlap(operation: Operation, placeOf: (buffer: Buffer) => Place): void {
  const { buffers, outputs, inPlace, name } = operation;
  const places = buffers.map((buffer) => (buffer === null ? null : placeOf(buffer)));
  for (let written = 0; written < outputs; written++)
    for (let other = written + 1; other < places.length; other++) {
      const [a, b] = [places[written], places[other]];
      if (a === null || b === null || !overlap(a, b)) continue;
      const same = a.start === b.start && a.size === b.size;
      if (same && inPlace?.[0] === written && inPlace[1] === other) continue;
      const pair = [buffers[written], buffers[other]].map((buffer) => (buffer === null ? "" : describeBuffer(buffer)));
      throw new Error(`${name}: ${pair[0]}, which is written, shares memory with ${pair[1]}`);
    }
}
