/** AdamW of `device.ts` as a loop, and the roundings of what it keeps in bf16. */
import { philox } from "../../../src/base/random.js";
import type { AdamwOptions, Buffer } from "../../../src/engine/native/device.js";
import type { Arithmetic } from "../../reference/arithmetic.js";
import { type PlainValues, scalarOf, valuesOf } from "./plain-buffer.js";

export interface AdamwBuffers {
  readonly weight: Buffer;
  readonly moment1: Buffer;
  readonly moment2: Buffer;
  readonly gradient: Buffer;
  readonly scalars: Buffer;
}

/** @param exact whether bf16 buffers hold what they are given, unrounded. */
export function plainAdamw(
  { round }: Arithmetic,
  exact: boolean,
  { weight: weight_, moment1, moment2, gradient, scalars }: AdamwBuffers,
  options: AdamwOptions,
): void {
  const [m, v, grad] = [moment1, moment2, gradient].map(valuesOf);
  const weight = valuesOf(options.master ?? weight_);
  const [beta1, beta2] = [scalarOf(scalars, "beta1"), scalarOf(scalars, "beta2")];
  const [rest1, rest2] = [scalarOf(scalars, "oneMinusBeta1"), scalarOf(scalars, "oneMinusBeta2")];
  const decay = options.decays ? scalarOf(scalars, "weightDecay") : 0;
  for (let index = 0; index < weight.length; index++) {
    const g = round(scalarOf(scalars, "clipScale") * grad[index]);
    m[index] = round(round(beta1 * m[index]) + round(rest1 * g));
    v[index] = round(round(beta2 * v[index]) + round(rest2 * round(g * g)));
    const size = round(Math.sqrt(round(v[index] / scalarOf(scalars, "correction2"))));
    const direction = round(
      round(m[index] / scalarOf(scalars, "correction1")) / round(size + scalarOf(scalars, "epsilon")),
    );
    const change = round(direction + round(decay * weight[index]));
    weight[index] = round(weight[index] - round(scalarOf(scalars, "learningRate") * change));
    grad[index] = 0;
  }
  const key = [scalarOf(scalars, "roundingKey1"), scalarOf(scalars, "roundingKey2")];
  const rounded = [moment1, moment2, ...(options.master == null ? [weight_] : [])];
  rounded.forEach((buffer, use) => {
    if (buffer.dtype === "bf16" && !exact) roundByChance(valuesOf(buffer), options.first ?? 0, use, key);
  });
  if (options.master != null) valuesOf(weight_).set(weight);
}

/** Cuts each value to bf16 after adding as much as 16 random bits below its last place; device.ts says which bits. */
function roundByChance(values: PlainValues, first: number, use: number, key: readonly number[]): void {
  const words = new Uint32Array(4);
  for (let index = 0; index < values.length; index++) {
    const within = (first + index) % 8;
    const group = (first + index - within) / 8;
    philox([group >>> 0, Math.floor(group / 2 ** 32), use, 0], key, words);
    values[index] = roundBf16(values[index], (words[within >> 1] >>> (16 * (within % 2))) & 0xffff);
  }
}

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** A float32 value as bf16: to nearest, ties to even; or up with the chance that 16 random bits give it. */
export function roundBf16(value: number, chance?: number): number {
  float[0] = value;
  if (Number.isNaN(value)) return value;
  bits[0] += chance ?? 0x7fff + ((bits[0] >>> 16) & 1);
  bits[0] &= 0xffff0000;
  return float[0];
}
