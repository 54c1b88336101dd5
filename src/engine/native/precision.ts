/**
 * What numbers are kept in: float32 throughout, or bf16 for what the matrix units multiply. Sums, norms, softmax and losses are float32 always.
 *
 *     fp32   weights, gradients, moments 4 + 4 + 4 + 4            = 16 bytes a parameter
 *     bf16   weights and gradients 2 + 2, master 4, moments 4 + 4 = 16
 *     bf16 with a bf16 optimizer: 2 + 2 + 2 + 2, stochastic rounding = 8
 */
import type { Float } from "./device.js";

export interface Precision {
  /** As the engine describes itself. */
  readonly name: "fp32" | "bf16";
  readonly activations: Float;
  readonly weights: Float;
  readonly gradients: Float;
  readonly moments: Float;
  /** Float32 weights beside those that are computed with. */
  readonly master: boolean;
}

export const FP32: Precision = {
  name: "fp32",
  activations: "f32",
  weights: "f32",
  gradients: "f32",
  moments: "f32",
  master: false,
};

const BF16 = { name: "bf16", activations: "bf16", weights: "bf16", gradients: "bf16" } as const;

/** By what the plan asks for: the precision of the model, and of what the optimizer keeps. */
export const PRECISIONS = {
  fp32: FP32,
  bf16: { ...BF16, moments: "f32", master: true },
  "bf16-lean": { ...BF16, moments: "bf16", master: false },
} as const satisfies Record<string, Precision>;

export type PrecisionName = keyof typeof PRECISIONS;
