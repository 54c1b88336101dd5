/**
 * What numbers are kept in: float32 throughout, or bf16 for what the matrix units multiply. Sums, norms, softmax and losses are float32 always.
 *
 *     fp32   weights, gradients, moments 4 + 4 + 4 + 4            = 16 bytes a parameter
 *     bf16   weights and gradients 2 + 2, master 4, moments 4 + 4 = 16
 *     bf16 with a bf16 optimizer: 2 + 2 + 2 + 2, stochastic rounding = 8
 */
import { UserError } from "../../base/errors.js";
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

/** What a plan may ask for. */
export interface PrecisionRequest {
  /** `auto`: bf16 on a card, fp32 elsewhere. */
  readonly precision: "auto" | "fp32" | "bf16";
  /** What the optimizer keeps; `auto`: float32 where that fits, else bf16. */
  readonly optimizerMemory: "auto" | "fp32" | "bf16";
}

export const ANY_PRECISION: PrecisionRequest = { precision: "auto", optimizerMemory: "auto" };

/** The request that has a precision as its only answer. */
export const ASKED: Readonly<Record<PrecisionName, PrecisionRequest>> = {
  fp32: { precision: "fp32", optimizerMemory: "fp32" },
  bf16: { precision: "bf16", optimizerMemory: "fp32" },
  "bf16-lean": { precision: "bf16", optimizerMemory: "bf16" },
};

/**
 * Precisions that answer a request on an engine, best first.
 * @param hasBf16 whether the engine computes in bf16; one that does not keeps everything in float32.
 * @throws UserError when there is none.
 */
export function precisionsFor(
  engine: string,
  hasBf16: boolean,
  { precision, optimizerMemory }: PrecisionRequest,
): readonly [PrecisionName, ...PrecisionName[]] {
  const hint = "bf16 needs `engine.kind: native-cuda`; `auto` takes what the engine can do";
  if (precision === "bf16" && !hasBf16)
    throw new UserError({ what: `the engine ${engine} computes in fp32 only`, where: "engine.precision", hint });
  if (precision === "fp32" || !hasBf16) {
    if (optimizerMemory !== "bf16") return ["fp32"];
    const what = "an optimizer in bf16 goes with weights in bf16";
    throw new UserError({ what, where: "engine.optimizerMemory", got: `${engine} in fp32`, hint });
  }
  if (optimizerMemory === "auto") return ["bf16", "bf16-lean"];
  return [optimizerMemory === "fp32" ? "bf16" : "bf16-lean"];
}
