/** y = x Wᵀ + b and its gradient, W stored [out, in]. */
import { type Arithmetic, at, dot, fill, type Line, sum, type Values } from "./arithmetic.js";

/** x [N, in], weight [out, in], bias [out] or null → [N, out]. */
export function linear(a: Arithmetic, x: Values, weight: Values, inputs: number, bias: Values | null): Values {
  const outputs = weight.length / inputs;
  const tokens = x.length / inputs;
  return fill(a, tokens * outputs, (index) => {
    const token = Math.floor(index / outputs);
    const out = index % outputs;
    const product = dot(a, inputs, row(x, token, inputs), row(weight, out, inputs));
    return bias === null ? product : product + at(bias, out);
  });
}

export interface LinearGradient {
  readonly dx: Values;
  readonly dWeight: Values;
  readonly dBias: Values;
}

/** dy [N, out] → gradients towards x, weight and bias. */
export function linearGradient(a: Arithmetic, dy: Values, x: Values, weight: Values, inputs: number): LinearGradient {
  const outputs = weight.length / inputs;
  const tokens = x.length / inputs;
  const dx = fill(a, x.length, (index) => {
    const token = Math.floor(index / inputs);
    const c = index % inputs;
    return dot(a, outputs, row(dy, token, outputs), column(weight, c, inputs));
  });
  const dWeight = fill(a, weight.length, (index) => {
    const out = Math.floor(index / inputs);
    const c = index % inputs;
    return dot(a, tokens, column(dy, out, outputs), column(x, c, inputs));
  });
  const dBias = fill(a, outputs, (out) => sum(a, tokens, (token) => at(dy, token * outputs + out)));
  return { dx, dWeight, dBias };
}

function row(values: Values, index: number, width: number): Line {
  return { values, start: index * width, stride: 1 };
}

function column(values: Values, index: number, width: number): Line {
  return { values, start: index, stride: width };
}
