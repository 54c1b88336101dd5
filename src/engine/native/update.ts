/** What happens to the accumulated gradient: its norm, and AdamW over the arenas in two launches, with and without decay. */
import type { AdamWStep } from "../engine.js";
import { type Buffer, type Device, type Operations, SCALARS } from "./device.js";
import type { ArenaLayout } from "./layout.js";

/** The arenas that training adds to the weights'. */
export interface TrainingArenas {
  readonly gradient: Buffer;
  readonly moment1: Buffer;
  readonly moment2: Buffer;
}

/** AdamW over everything; leaves the gradient zero. */
export function update(
  ops: Operations,
  device: Device,
  { decaying, size }: ArenaLayout,
  weights: Buffer,
  { gradient, moment1, moment2 }: TrainingArenas,
  scalars: Buffer,
): void {
  const ranges = [
    { start: 0, end: decaying, decays: true },
    { start: decaying, end: size, decays: false },
  ];
  for (const { start, end, decays } of ranges) {
    if (end === start) continue;
    const [w, m, v, g] = [weights, moment1, moment2, gradient].map((arena) =>
      device.view(arena, `${arena.name} ${decays ? "with" : "without"} decay`, start, [end - start]),
    );
    ops.adamw(w, m, v, g, scalars, { decays });
  }
}

type Scalars = Readonly<Record<(typeof SCALARS)[number], number>>;

const NEUTRAL: Scalars = {
  lossScale: 1,
  clipScale: 1,
  learningRate: 0,
  beta1: 0,
  beta2: 0,
  epsilon: 1,
  weightDecay: 0,
  correction1: 1,
  correction2: 1,
};

/** The scalars buffer for a pass whose loss is multiplied by `lossScale`. */
export function passScalars(lossScale: number): Float32Array {
  return packed({ ...NEUTRAL, lossScale });
}

/**
 * The scalars buffer for an update. The corrections are those of the betas as float32 knows them: the device computes 1 − beta from it,
 * and for 0.999 that is off by 1e-5, which must cancel in moment / correction.
 */
export function updateScalars(step: AdamWStep): Float32Array {
  const { learningRate, epsilon, weightDecay, clipScale } = step;
  const [beta1, beta2] = [Math.fround(step.beta1), Math.fround(step.beta2)];
  const correction1 = 1 - beta1 ** step.update;
  const correction2 = 1 - beta2 ** step.update;
  return packed({
    lossScale: 1,
    clipScale,
    learningRate,
    beta1,
    beta2,
    epsilon,
    weightDecay,
    correction1,
    correction2,
  });
}

function packed(scalars: Scalars): Float32Array {
  return Float32Array.from(SCALARS, (name) => scalars[name]);
}
