/**
 * Output head and cross-entropy, forwards and (with gradients `d`) backwards, R rows at a time: logits of all rows never exist at once.
 * Both directions belong together, since a chunk's logits are gone when the next chunk comes.
 */
import type { Buffer, Operations } from "./device.js";
import type { Roles } from "./roles.js";
import type { Activations } from "./views.js";

/** Losses of all rows; with `d` also dHidden, in the place of hidden, and the head's gradient. */
export function head(
  ops: Operations,
  vocabulary: number,
  scalars: Buffer,
  w: Roles,
  d: Roles | null,
  a: Activations,
): void {
  for (const { hidden_RC, dHidden_RC, logits_RV, losses_R, targets_R, mask_R } of a.chunks) {
    ops.matmul(logits_RV, hidden_RC, w.head_VC, { transposeB: true });
    ops.crossEntropy(losses_R, logits_RV, targets_R, mask_R, scalars, { vocabulary, gradient: d !== null });
    if (d === null) continue;
    ops.matmul(d.head_VC, logits_RV, hidden_RC, { transposeA: true, plus: d.head_VC });
    ops.matmul(dHidden_RC, logits_RV, w.head_VC);
  }
}
