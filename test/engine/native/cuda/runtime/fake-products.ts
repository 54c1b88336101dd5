/** Products in the memory of the fake cuBLASLt. */
import { CONSTANTS as C } from "../../../../../src/engine/native/cuda/ffi/cublaslt.js";
import type { Product } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import type { FakeCublasLt } from "./fake-cublaslt.js";
import { operandsOf, type Plus, type Shape } from "./products.js";

const TYPES = { f32: C.CUDA_R_32F, bf16: C.CUDA_R_16BF } as const;
export const BF16: Shape = {
  m: 3,
  n: 7,
  k: 5,
  transposeA: false,
  transposeB: true,
  inputType: "bf16",
  outputType: "bf16",
};

/** A product in the fake's memory, its operands filled in. */
export function place(fake: FakeCublasLt, shape: Shape, plus: Plus = "nothing", seed = 1): Product {
  const { memory } = fake;
  const bytes = { f32: 4, bf16: 2 };
  const operands = operandsOf(shape, seed);
  const put = (values: readonly number[], type: "f32" | "bf16"): bigint => {
    const address = memory.allocate(values.length * bytes[type]);
    values.forEach((value, index) => {
      fake.memory.put(address, TYPES[type], index, value);
    });
    return address;
  };
  const [a, b] = [put(operands.a, shape.inputType), put(operands.b, shape.inputType)];
  const added = put(operands.plus, shape.outputType);
  const out = plus === "out" ? added : memory.allocate(shape.m * shape.n * bytes[shape.outputType]);
  return { kind: "product", ...shape, a, b, out, plus: plus === "nothing" ? null : added };
}

export function read(fake: FakeCublasLt, { out, m, n, outputType }: Product): number[] {
  return Array.from({ length: m * n }, (_, index) => fake.memory.get(out, TYPES[outputType], index));
}
