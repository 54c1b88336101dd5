/**
 * The backward pass, one line per operation: `forward.ts` read from its end to its beginning. `dX` is the gradient of the loss towards X.
 *
 * For y = x Wᵀ: dW += dyᵀ x, then dx = dy W. In this order, since dx may take the place of x (`activations.ts`). dResidual runs along the
 * residual stream: each norm's backward adds to it what its block contributes.
 */
import type { Architecture } from "../../model/architecture.js";
import type { Kind } from "./activations.js";
import type { Operations } from "./device.js";
import { attentionInputs, attentionOutput, feedForwardInputs } from "./forward.js";
import type { LayerRoles, Roles } from "./roles.js";
import type { Activations, LayerActivations } from "./views.js";

type Gradients = NonNullable<Activations["backward"]>;

/** From the gradient of the head's input to the gradients of all weights `d`, which are added to. */
export function backward(
  ops: Operations,
  architecture: Architecture,
  kind: Kind,
  w: Roles,
  d: Roles,
  a: Activations,
): void {
  const g = a.backward;
  if (g === null) throw new Error("this plan has no room for gradients");
  const epsilon = architecture.normEpsilon;
  ops.rmsNormBackward(g.dResidual_NC, d.finalNorm_C, a.dHidden_NC, a.last_NC, a.lastRstd_N, w.finalNorm_C, {
    overwrite: true,
  });
  for (let index = a.layers.length - 1; index >= 0; index--) {
    const [layer, wl, dl] = [a.layers[index], w.layers[index], d.layers[index]];
    if (kind === "layer") {
      attentionInputs(ops, epsilon, wl, layer, a);
      attentionOutput(ops, wl, layer, a);
    }
    if (kind !== "none") feedForwardInputs(ops, epsilon, wl, layer);
    feedForwardOutputBackward(ops, wl, dl, layer, g);
    feedForwardInputsBackward(ops, wl, dl, layer, g);
    if (kind === "block-parts") attentionInputs(ops, epsilon, wl, layer, a);
    attentionOutputBackward(ops, wl, dl, layer, g, a);
    attentionInputsBackward(ops, wl, dl, layer, g, a);
  }
  ops.embedBackward(d.embedding_VC, g.dResidual_NC, a.ids_N);
}

/** x of the next layer = y + (silu(gate)·up) Wdᵀ. */
function feedForwardOutputBackward(
  ops: Operations,
  w: LayerRoles,
  d: LayerRoles,
  a: LayerActivations,
  { dResidual_NC }: Gradients,
): void {
  ops.matmul(d.down_CF, dResidual_NC, a.active_NF, { transposeA: true, plus: d.down_CF });
  ops.matmul(a.dActive_NF, dResidual_NC, w.down_CF);
}

/** h = rmsnorm(y); gate, up = h Wᵀ; silu(gate)·up. */
function feedForwardInputsBackward(
  ops: Operations,
  w: LayerRoles,
  d: LayerRoles,
  a: LayerActivations,
  { dResidual_NC }: Gradients,
): void {
  ops.swigluBackward(a.dGateUp_NG, a.dActive_NF, a.gateUp_NG);
  ops.matmul(d.gateUp_GC, a.dGateUp_NG, a.mlpInput_NC, { transposeA: true, plus: d.gateUp_GC });
  ops.matmul(a.dMlpInput_NC, a.dGateUp_NG, w.gateUp_GC);
  ops.rmsNormBackward(dResidual_NC, d.middleNorm_C, a.dMlpInput_NC, a.middle_NC, a.middleRstd_N, w.middleNorm_C);
}

/** y = x + attention(q, k, v) Woᵀ. */
function attentionOutputBackward(
  ops: Operations,
  w: LayerRoles,
  d: LayerRoles,
  a: LayerActivations,
  { dResidual_NC, dMixed_NX, dQkv_NX, dots_NH }: Gradients,
  { starts_N, shape }: Activations,
): void {
  ops.matmul(d.output_CX, dResidual_NC, a.mixed_NX, { transposeA: true, plus: d.output_CX });
  ops.matmul(dMixed_NX, dResidual_NC, w.output_CX);
  ops.attentionBackward(dQkv_NX, dots_NH, dMixed_NX, a.mixed_NX, a.lse_NH, a.qkv_NX, starts_N, shape);
}

/** h = rmsnorm(x); q, k, v = h Wᵀ (+ b), normed where asked, q and k rotated in layers with positions. */
function attentionInputsBackward(
  ops: Operations,
  w: LayerRoles,
  d: LayerRoles,
  a: LayerActivations,
  { dResidual_NC, dQkv_NX }: Gradients,
  { rotary_TD, positions_N, shape }: Activations,
): void {
  if (a.rotates) ops.rope(dQkv_NX, rotary_TD, positions_N, shape, { inverse: true });
  for (const { weight, from, rstd_M, raw, dRaw, dNormed } of a.headNorms) {
    if (w.headNorms === null || d.headNorms === null) throw new Error("the norms on q and k have no weights");
    ops.sliceColumns(dNormed.tokens, dQkv_NX, from);
    ops.rmsNormBackward(dRaw.heads, d.headNorms[weight], dNormed.heads, raw.heads, rstd_M, w.headNorms[weight], {
      overwrite: true,
    });
    ops.placeColumns(dQkv_NX, dRaw.tokens, from);
  }
  if (d.qkvBias_X !== null) ops.addBiasBackward(d.qkvBias_X, dQkv_NX);
  ops.matmul(d.qkv_XC, dQkv_NX, a.attentionInput_NC, { transposeA: true, plus: d.qkv_XC });
  ops.matmul(a.dAttentionInput_NC, dQkv_NX, w.qkv_XC);
  ops.rmsNormBackward(dResidual_NC, d.inputNorm_C, a.dAttentionInput_NC, a.input_NC, a.inputRstd_N, w.inputNorm_C);
}
