/** What happens to the accumulated gradient: its norm, and AdamW over the arenas in two launches, with and without decay. */
import { random32, streamOf } from "../../base/random.js";
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
  weights: { readonly weights: Buffer; readonly master: Buffer | null },
  { gradient, moment1, moment2 }: TrainingArenas,
  scalars: Buffer,
): void {
  const ranges = [
    { start: 0, end: decaying, decays: true },
    { start: decaying, end: size, decays: false },
  ];
  for (const { start, end, decays } of ranges) {
    if (end === start) continue;
    const part = (arena: Buffer): Buffer =>
      device.view(arena, `${arena.name} ${decays ? "with" : "without"} decay`, start, [end - start]);
    const [w, m, v, g] = [weights.weights, moment1, moment2, gradient].map(part);
    const master = weights.master === null ? null : part(weights.master);
    ops.adamw(w, m, v, g, scalars, { decays, master, first: start });
  }
}

/** The stream of random numbers that stochastic rounding draws its keys from: of an update there is nothing to remember but its number. */
const ROUNDING = streamOf("stochastic rounding");

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
  oneMinusBeta1: 1,
  oneMinusBeta2: 1,
  roundingKey1: 0,
  roundingKey2: 0,
};

/** The scalars buffer for a pass whose loss is multiplied by `lossScale`. */
export function passScalars(lossScale: number): Float32Array {
  return packed({ ...NEUTRAL, lossScale });
}

/** The scalars buffer for an update. Differences from 1 are taken before they are rounded: in float32, 1 − 0.999 is off by 1e-5. */
export function updateScalars(step: AdamWStep): Float32Array {
  const { learningRate, beta1, beta2, epsilon, weightDecay, clipScale } = step;
  return packed({
    lossScale: 1,
    clipScale,
    learningRate,
    beta1,
    beta2,
    epsilon,
    weightDecay,
    correction1: 1 - beta1 ** step.update,
    correction2: 1 - beta2 ** step.update,
    oneMinusBeta1: 1 - beta1,
    oneMinusBeta2: 1 - beta2,
    roundingKey1: random32(0, ROUNDING, 2 * step.update) >>> 8,
    roundingKey2: random32(0, ROUNDING, 2 * step.update + 1) >>> 8,
  });
}

function packed(scalars: Scalars): Float32Array {
  return Float32Array.from(SCALARS, (name) => scalars[name]);
}
