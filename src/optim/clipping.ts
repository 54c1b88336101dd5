/**
 * Gradient clipping by global norm (Pascanu, Mikolov, Bengio, arXiv 1211.5063, section 3.2) and the rule that a step with a broken loss
 * or gradient is not applied.
 */

/** PyTorch's guard against division by zero in `clip_grad_norm_`; kept so that the two agree to the last bit of the formula. */
const NORM_GUARD = 1e-6;

/**
 * The factor that every gradient is multiplied by so that their global norm is at most `limit`: limit/(norm + 1e-6), at most 1.
 * @param limit largest norm; null: not clipped.
 */
export function clipScale(norm: number, limit: number | null): number {
  return limit === null ? 1 : Math.min(1, limit / (norm + NORM_GUARD));
}

/** Whether a step may be applied: one infinite or undefined number would destroy every weight at once. */
export function isUsable(loss: number, norm: number): boolean {
  return Number.isFinite(loss) && Number.isFinite(norm);
}
