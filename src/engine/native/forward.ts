/**
 * The forward pass, one line per operation; `backward.ts` is its mirror image. Matrices are [out, in], so a projection is x Wᵀ.
 *
 * Each half of a layer comes in two parts, `…Inputs` and `…Output`, because a backward pass that recomputes calls the same lines again:
 * the same operations on the same numbers give the same bits.
 */
import type { Architecture } from "../../model/architecture.js";
import type { Operations } from "./device.js";
import type { LayerRoles, Roles } from "./roles.js";
import type { Activations, LayerActivations } from "./views.js";

const TRANSPOSED = { transposeB: true } as const;

/** From token ids to the head's input. */
export function forward(ops: Operations, architecture: Architecture, w: Roles, a: Activations): void {
  const epsilon = architecture.normEpsilon;
  ops.embed(a.layers[0].input_NC, w.embedding_VC, a.ids_N);
  a.layers.forEach((layer, index) => {
    attentionInputs(ops, epsilon, w.layers[index], layer, a);
    attentionOutput(ops, w.layers[index], layer, a);
    feedForwardInputs(ops, epsilon, w.layers[index], layer);
    feedForwardOutput(ops, w.layers[index], layer);
  });
  ops.rmsNorm(a.hidden_NC, a.lastRstd_N, a.last_NC, null, w.finalNorm_C, epsilon);
}

/** h = rmsnorm(x); q, k, v = h Wᵀ (+ b), normed where asked, q and k rotated in layers with positions. */
export function attentionInputs(
  ops: Operations,
  epsilon: number,
  w: LayerRoles,
  a: LayerActivations,
  { rotary_TD, positions_N, shape }: Pick<Activations, "rotary_TD" | "positions_N" | "shape">,
): void {
  ops.rmsNorm(a.attentionInput_NC, a.inputRstd_N, a.input_NC, null, w.inputNorm_C, epsilon);
  ops.matmul(a.qkv_NX, a.attentionInput_NC, w.qkv_XC, TRANSPOSED);
  if (w.qkvBias_X !== null) ops.addBias(a.qkv_NX, w.qkvBias_X);
  for (const { weight, from, rstd_M, raw, normed } of a.headNorms) {
    if (w.headNorms === null) throw new Error("the weights of the norms on q and k are missing");
    ops.sliceColumns(raw.tokens, a.qkv_NX, from);
    ops.rmsNorm(normed.heads, rstd_M, raw.heads, null, w.headNorms[weight], epsilon);
    ops.placeColumns(a.qkv_NX, normed.tokens, from);
  }
  if (a.rotates) ops.rope(a.qkv_NX, rotary_TD, positions_N, shape);
}

/** y = x + attention(q, k, v) Woᵀ; in decoding, k and v join those of earlier tokens first. */
export function attentionOutput(
  ops: Operations,
  w: LayerRoles,
  a: LayerActivations,
  { starts_N, shape }: Pick<Activations, "starts_N" | "shape">,
): void {
  if (a.cache !== null) ops.placeRows(a.cache.keysValues_RSY, a.qkv_NX, a.cache.places_N, shape.H * shape.D);
  ops.attention(a.mixed_NX, a.lse_NH, a.qkv_NX, starts_N, shape, a.cache);
  ops.matmul(a.middle_NC, a.mixed_NX, w.output_CX, { transposeB: true, plus: a.input_NC });
}

/** h = rmsnorm(y); gate, up = h Wᵀ; silu(gate)·up. */
export function feedForwardInputs(ops: Operations, epsilon: number, w: LayerRoles, a: LayerActivations): void {
  ops.rmsNorm(a.mlpInput_NC, a.middleRstd_N, a.middle_NC, null, w.middleNorm_C, epsilon);
  ops.matmul(a.gateUp_NG, a.mlpInput_NC, w.gateUp_GC, TRANSPOSED);
  ops.swiglu(a.active_NF, a.gateUp_NG);
}

/** x of the next layer = y + (silu(gate)·up) Wdᵀ. */
export function feedForwardOutput(ops: Operations, w: LayerRoles, a: LayerActivations): void {
  ops.matmul(a.output_NC, a.active_NF, w.down_CF, { transposeB: true, plus: a.middle_NC });
}
