/** AdamW (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2 with a schedule folded into the rate), one parameter at a time. */
import type { AdamWStep } from "../../src/engine/engine.js";
import { type Arithmetic, at, type Values } from "./arithmetic.js";

export interface Trained {
  readonly weight: Values;
  readonly moment1: Values;
  readonly moment2: Values;
}

/** One update, in place. */
export function adamW(
  { round }: Arithmetic,
  { weight, moment1, moment2 }: Trained,
  gradient: Values,
  step: AdamWStep,
  decays: boolean,
): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, clipScale, update } = step;
  for (let index = 0; index < weight.length; index++) {
    const g = round(at(gradient, index) * clipScale);
    const m = round(round(beta1 * at(moment1, index)) + round((1 - beta1) * g));
    const v = round(round(beta2 * at(moment2, index)) + round((1 - beta2) * round(g * g)));
    const mHat = round(m / round(1 - beta1 ** update));
    const vHat = round(v / round(1 - beta2 ** update));
    const change = round(round(learningRate * mHat) / round(round(Math.sqrt(vHat)) + epsilon));
    const kept = decays ? round(at(weight, index) * round(1 - learningRate * weightDecay)) : at(weight, index);
    weight[index] = round(kept - change);
    moment1[index] = m;
    moment2[index] = v;
  }
}
