/**
 * A faster `BatchMatMul` for tfjs's wasm backend.
 *
 * The stock kernel calls its fast library (XNNPACK) only for one untransposed pair of matrices; batches and transposes fall into plain
 * loops, more than ten times slower. This one transposes operands first and walks a batch over views of the same memory, so that every
 * product takes the fast path. Views are entries in the backend's memory table, which is why the package's version is pinned.
 */
import * as tf from "@tensorflow/tfjs-core";

/** What this file uses of the wasm backend. */
interface WasmBackend {
  readonly wasm: {
    cwrap(name: string, result: null, parameters: readonly string[]): RawMatMul;
    readonly tfjs: { disposeData(id: number): void };
  };
  readonly dataIdMap: {
    get(dataId: tf.DataId): { readonly id: number; readonly memoryOffset: number };
    delete(dataId: tf.DataId): boolean;
  };
  makeOutput(shape: number[], dtype: "float32", memoryOffset?: number): tf.TensorInfo;
  disposeData(dataId: tf.DataId): boolean;
}

/** The C function behind the kernel: ids in the memory table, shapes as int32 bytes with their rank, two transpose flags. */
type RawMatMul = (...parameters: (number | Uint8Array)[]) => void;

/** `batch` dense row-major matrices. */
interface Stack {
  readonly info: tf.TensorInfo;
  readonly rows: number;
  readonly columns: number;
}

interface Kernel {
  readonly backend: WasmBackend;
  readonly raw: RawMatMul;
}

const BYTES_PER_FLOAT = 4;

/** Replaces the kernel. Call once, before the wasm backend is first used. */
export function installFastMatMul(): void {
  const stock = tf.getKernel("BatchMatMul", "wasm");
  let raw: RawMatMul | null = null;
  tf.unregisterKernel("BatchMatMul", "wasm");
  tf.registerKernel({
    kernelName: "BatchMatMul",
    backendName: "wasm",
    setupFunc: (backend) => {
      stock.setupFunc?.(backend);
      const types = ["number", "array", "number", "number", "array", "number", "number", "number", "number"];
      raw = (backend as WasmBackend).wasm.cwrap("BatchMatMul", null, types);
    },
    kernelFunc: (params) => {
      const { a, b } = params.inputs;
      if (raw === null || a === undefined || b === undefined || batchOf(a) !== batchOf(b))
        return stock.kernelFunc(params);
      const kernel = { backend: params.backend as WasmBackend, raw };
      return multiply(kernel, a, b, params.attrs?.["transposeA"] === true, params.attrs?.["transposeB"] === true);
    },
  });
}

function batchOf(x: tf.TensorInfo): number {
  return x.shape.slice(0, -2).reduce((product, extent) => product * extent, 1);
}

function stackOf(info: tf.TensorInfo): Stack {
  const [rows = 1, columns = 1] = info.shape.slice(-2);
  return { info, rows, columns };
}

/**
 * out = op(a) op(b). With Aᵀ asked for, BᵀA transposed at the end gives the same product; whichever moves fewer numbers is taken, which
 * matters for the gradient of a wide matrix, where `a` (the incoming gradient) is much larger than `b` (the layer's input).
 */
function multiply(
  kernel: Kernel,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo {
  const left = stackOf(a);
  const right = stackOf(b);
  const outer = a.shape.slice(0, -2);
  if (transposeA && !transposeB && left.columns * left.rows > right.columns * (right.rows + left.columns)) {
    const flipped = multiply(kernel, b, a, true, false);
    return releasing(kernel, [flipped], () => transpose(kernel, stackOf(flipped)).info);
  }
  const turned = [...(transposeA ? [transpose(kernel, left)] : []), ...(transposeB ? [transpose(kernel, right)] : [])];
  const first = transposeA ? (turned[0] ?? left) : left;
  const second = transposeB ? (turned.at(-1) ?? right) : right;
  return releasing(
    kernel,
    turned.map((stack) => stack.info),
    () => product(kernel, first, second, outer),
  );
}

function releasing<R>(kernel: Kernel, temporaries: readonly tf.TensorInfo[], work: () => R): R {
  try {
    return work();
  } finally {
    for (const temporary of temporaries) kernel.backend.disposeData(temporary.dataId);
  }
}

function transpose(kernel: Kernel, stack: Stack): Stack {
  const { shape } = stack.info;
  const perm = shape.map((_, axis) => (axis < shape.length - 2 ? axis : 2 * shape.length - 3 - axis));
  const { kernelFunc } = tf.getKernel("Transpose", "wasm");
  const info = kernelFunc({ inputs: { x: stack.info }, backend: kernel.backend, attrs: { perm } });
  return { info: info as tf.TensorInfo, rows: stack.columns, columns: stack.rows };
}

/** Untransposed product, matrix by matrix. */
function product(kernel: Kernel, left: Stack, right: Stack, outer: readonly number[]): tf.TensorInfo {
  const batch = outer.reduce((count, extent) => count * extent, 1);
  const out = kernel.backend.makeOutput([...outer, left.rows, right.columns], "float32");
  const result = { info: out, rows: left.rows, columns: right.columns };
  const shapes = [left, right].map(({ rows, columns }) => new Uint8Array(new Int32Array([1, rows, columns]).buffer));
  for (let index = 0; index < batch; index++) {
    const views = [left, right, result].map((stack) => (batch === 1 ? stack.info : viewOf(kernel, stack, index)));
    const [aId = 0, bId = 0, outId = 0] = views.map((view) => kernel.backend.dataIdMap.get(view.dataId).id);
    kernel.raw(aId, shapes[0] as Uint8Array, 3, bId, shapes[1] as Uint8Array, 3, 0, 0, outId);
    if (batch > 1) for (const view of views) forget(kernel, view);
  }
  return out;
}

/** A second name for the memory of one matrix. */
function viewOf({ backend }: Kernel, stack: Stack, index: number): tf.TensorInfo {
  const { memoryOffset } = backend.dataIdMap.get(stack.info.dataId);
  const offset = memoryOffset + index * stack.rows * stack.columns * BYTES_PER_FLOAT;
  return backend.makeOutput([1, stack.rows, stack.columns], "float32", offset);
}

/** Drops a view without freeing the memory it names. */
function forget({ backend }: Kernel, view: tf.TensorInfo): void {
  backend.wasm.tfjs.disposeData(backend.dataIdMap.get(view.dataId).id);
  backend.dataIdMap.delete(view.dataId);
}
