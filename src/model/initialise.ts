/**
 * Initial weights as a pure function: a value depends only on the seed, the parameter's name and the index, so the number of ranks,
 * the engine and the other parameters change nothing. The deviation scales; it does not draw.
 */
import { type Shape, sizeOf } from "../base/dims.js";
import { fillNormal, streamOf } from "../base/random.js";
import type { Parameter } from "./parameters.js";

/** What an engine loads (`EngineTensor` of the engine seam, which lies below this folder). */
export interface InitialTensor {
  readonly name: string;
  readonly kind: "weight";
  readonly shape: Shape;
  /** Row-major. */
  readonly data: Float32Array;
}

/** Draws the parameters one by one, in the table's order, so that no more than one need be held at a time. */
export function* initialWeights(table: readonly Parameter[], seed: number): Generator<InitialTensor> {
  for (const parameter of table) {
    const { name, shape } = parameter;
    yield { name, kind: "weight", shape, data: initialValues(parameter, seed) };
  }
}

function initialValues({ name, shape, initial }: Parameter, seed: number): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  switch (initial.kind) {
    case "zeros":
      return data;
    case "ones":
      return data.fill(1);
    case "normal":
      fillNormal(data, { seed, stream: streamOf(`initial ${name}`), deviation: initial.deviation });
      return data;
  }
}
