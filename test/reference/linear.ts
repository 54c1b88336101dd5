/** y = x Wᵀ + b and its gradient, W stored [out, in]. */
import { type Arithmetic, at, fill, sum, type Values } from "./arithmetic.js";

/** x [N, in], weight [out, in], bias [out] or null → [N, out]. */
export function linear(a: Arithmetic, x: Values, weight: Values, inputs: number, bias: Values | null): Values {
  const outputs = weight.length / inputs;
  const tokens = x.length / inputs;
  return fill(a, tokens * outputs, (index) => {
    const token = Math.floor(index / outputs);
    const out = index % outputs;
    const product = sum(a, inputs, (c) => a.round(at(x, token * inputs + c) * at(weight, out * inputs + c)));
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
    return sum(a, outputs, (out) => a.round(at(dy, token * outputs + out) * at(weight, out * inputs + c)));
  });
  const dWeight = fill(a, weight.length, (index) => {
    const out = Math.floor(index / inputs);
    const c = index % inputs;
    return sum(a, tokens, (token) => a.round(at(dy, token * outputs + out) * at(x, token * inputs + c)));
  });
  const dBias = fill(a, outputs, (out) => sum(a, tokens, (token) => at(dy, token * outputs + out)));
  return { dx, dWeight, dBias };
}
