/** AdamW in tfjs operations (Loshchilov and Hutter, arXiv 1711.05101), term by term as in PyTorch. */
import * as tf from "@tensorflow/tfjs-core";
import type { AdamWStep } from "../engine.js";

/** Weight and moments of one parameter. */
export interface Trained {
  readonly weight: tf.Tensor;
  readonly moment1: tf.Tensor;
  readonly moment2: tf.Tensor;
}

/**
 * One update of one parameter; the inputs stay alive.
 *
 *     g = clipScale · gradient
 *     m = β1 m + (1 − β1) g,  v = β2 v + (1 − β2) g²
 *     w = (1 − rate · decay) w − rate / (1 − β1^t) · m / (√(v / (1 − β2^t)) + ε)
 */
export function adamW(before: Trained, gradient: tf.Tensor, step: AdamWStep, decays: boolean): Trained {
  const { learningRate, beta1, beta2, epsilon, weightDecay, clipScale, update } = step;
  const [moment1, moment2, weight] = tf.tidy(() => {
    const g = clipScale === 1 ? gradient : tf.mul(gradient, clipScale);
    const m = tf.add(tf.mul(before.moment1, beta1), tf.mul(g, 1 - beta1));
    const v = tf.add(tf.mul(before.moment2, beta2), tf.mul(tf.square(g), 1 - beta2));
    const size = tf.add(tf.sqrt(tf.mul(v, 1 / (1 - beta2 ** update))), epsilon);
    const change = tf.mul(tf.div(m, size), learningRate / (1 - beta1 ** update));
    const decayed = decays && weightDecay !== 0 ? tf.mul(before.weight, 1 - learningRate * weightDecay) : before.weight;
    return [m, v, tf.sub(decayed, change)];
  }) as [tf.Tensor, tf.Tensor, tf.Tensor];
  return { weight, moment1, moment2 };
}
