/** A device of plain loops: the engine's schedule runs on it without a compiler, and the kernels are measured against it. */
import { toBf16 } from "../../../src/base/bf16.js";
import { sizeOf } from "../../../src/base/dims.js";
import { checkOverlap, type Place } from "../../../src/engine/native/call.js";
import type { Buffer, BufferSpec, Device, Operations, Program } from "../../../src/engine/native/device.js";
import { CheckedOperations } from "../../../src/engine/native/operations.js";
import { type Arithmetic, EXACT } from "../../reference/arithmetic.js";
import { roundBf16 } from "./plain-adamw.js";
import { type PlainBuffer, type PlainValues, valuesOf } from "./plain-buffer.js";
import { PlainOperations } from "./plain-operations.js";

export interface PlainOptions {
  /** How values are kept between operations; float64 makes the device exact, bf16 buffers included. */
  readonly storage?: "f32" | "f64";
  /** What happens to every result inside an operation; by default nothing, which is float64. */
  readonly arithmetic?: Arithmetic;
  /** How the result of an operation becomes bf16; by default to nearest, ties to even. */
  readonly bf16?: (value: number) => number;
}

interface PlainProgram extends Program {
  readonly steps: readonly (() => void)[];
}

export interface PlainDevice extends Device {
  /** A copy of a buffer's values as they are stored. */
  values(buffer: Buffer): Float64Array;
}

/** Operations are checked like the CPU device's, with the same messages. */
export function plainDevice({ storage = "f32", arithmetic = EXACT, bf16 = roundBf16 }: PlainOptions = {}): PlainDevice {
  const exact = storage === "f64";
  const operations = new PlainOperations(arithmetic, exact);
  const Storage = storage === "f32" ? Float32Array : Float64Array;
  return {
    description: `plain loops, ${storage}`,
    allocate: (specs) => new Map(specs.map((spec) => [spec.name, bufferOf(spec, Storage)])),
    free: () => {},
    view: (buffer, name, start, shape) => {
      if (start < 0 || start + sizeOf(shape) > buffer.size)
        throw new Error(`${name} [${shape}] at ${start} leaves ${buffer.name} [${buffer.shape}]`);
      const values = valuesOf(buffer).subarray(start, start + sizeOf(shape));
      return plainBuffer({ name, shape, dtype: buffer.dtype }, values);
    },
    write: (buffer, data) => {
      if (data.length !== buffer.size)
        throw new Error(`${buffer.name} has ${buffer.size} elements, got ${data.length}`);
      valuesOf(buffer).set(data instanceof Uint16Array ? widened(data) : data);
      if (!exact) roundStored(buffer, roundBf16);
    },
    read: async (buffer) => Float32Array.from(valuesOf(buffer)),
    readInto: async (buffer, into) => {
      if (into instanceof Float32Array) into.set(valuesOf(buffer));
      else toBf16(Float32Array.from(valuesOf(buffer)), into);
    },
    values: (buffer) => Float64Array.from(valuesOf(buffer)),
    record: (body) => {
      const steps: (() => void)[] = [];
      body(recorderOf(operations, exact ? null : bf16, steps));
      const program: PlainProgram = { steps, operations: steps.length, [Symbol.dispose]: () => {} };
      return program;
    },
    run: async (program) => {
      for (const step of (program as PlainProgram).steps) step();
    },
    [Symbol.dispose]: () => {},
  };
}

function widened(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (half) => half * 2 ** 16).buffer);
}

function bufferOf(spec: BufferSpec, Storage: typeof Float32Array | typeof Float64Array): PlainBuffer {
  const size = sizeOf(spec.shape);
  return plainBuffer(spec, spec.dtype === "i32" ? new Int32Array(size) : new Storage(size));
}

function plainBuffer({ name, shape, dtype }: BufferSpec, values: PlainValues): PlainBuffer {
  return { name, shape, dtype, size: sizeOf(shape), values };
}

/** What a bf16 buffer can hold of its values. */
function roundStored(buffer: Buffer, bf16: (value: number) => number): void {
  const values = valuesOf(buffer);
  if (buffer.dtype === "bf16")
    values.forEach((value, index) => {
      values[index] = bf16(value);
    });
}

/**
 * Checks each call and keeps it as a step instead of making it; results are rounded when the operation is done, as devices do.
 * @param bf16 null: they are not.
 */
function recorderOf(
  operations: Operations,
  bf16: ((value: number) => number) | null,
  steps: (() => void)[],
): Operations {
  let outputs: readonly (Buffer | null)[] = [];
  const checked = new CheckedOperations((operation) => {
    checkOverlap(operation, placeOf);
    outputs = operation.buffers.slice(0, operation.outputs);
  });
  const callOf = (owner: Operations, name: string | symbol, args: unknown[]): void => {
    const method: unknown = Reflect.get(owner, name);
    if (typeof method === "function") Reflect.apply(method, owner, args);
  };
  return new Proxy(operations, {
    get:
      (_, name) =>
      (...args: unknown[]) => {
        callOf(checked, name, args);
        const written = outputs.filter((buffer) => buffer !== null);
        steps.push(() => {
          callOf(operations, name, args);
          if (bf16 !== null) for (const buffer of written) roundStored(buffer, bf16);
        });
      },
  });
}

function placeOf(buffer: Buffer): Place {
  const values = valuesOf(buffer);
  return { memory: values.buffer, start: values.byteOffset / values.BYTES_PER_ELEMENT, size: values.length };
}
