/** What the card is told to do, as plain values: kernels describe their launches with these, and tests read them without a card. */

/** Address in device memory. */
export type Address = bigint;

/** One parameter of a kernel, with the width that its signature gives it. */
export type Argument =
  | { readonly pointer: Address | null }
  | { readonly i32: number }
  | { readonly i64: number }
  | { readonly f32: number };

/** A kernel: its file under `kernels/`, the name of its `extern "C" __global__` function, and the constants it is compiled with (-D). */
export interface KernelRef {
  readonly file: string;
  readonly name: string;
  readonly defines: Readonly<Record<string, string | number>>;
}

export interface Launch {
  readonly kind: "launch";
  readonly kernel: KernelRef;
  /** Blocks. */
  readonly grid: readonly [number, number, number];
  /** Threads of a block. */
  readonly block: readonly [number, number, number];
  /** Dynamic shared memory of a block. */
  readonly sharedBytes: number;
  readonly args: readonly Argument[];
}

/** out[M, N] = plus + op(a) · op(b), row-major; plus null: nothing; plus equal to out: accumulate. */
export interface Product {
  readonly kind: "product";
  readonly out: Address;
  readonly a: Address;
  readonly b: Address;
  readonly plus: Address | null;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Of a and b. */
  readonly inputType: "f32" | "bf16";
  /** Of out and plus. */
  readonly outputType: "f32" | "bf16";
}

/** Zeros. */
export interface Fill {
  readonly kind: "fill";
  readonly address: Address;
  readonly bytes: number;
}

export interface Copy {
  readonly kind: "copy";
  readonly to: Address;
  readonly from: Address;
  readonly bytes: number;
}

export type Work = Launch | Product | Fill | Copy;
