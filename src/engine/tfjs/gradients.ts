/**
 * The gradients of the tfjs operations that the decoder is made of.
 *
 * tfjs-core's CommonJS build registers none; the full set comes with the much larger `@tensorflow/tfjs`. These seven suffice, and a
 * decoder that uses another operation stops with "gradient function not found" at its first step. Broadcasting is only met against
 * constants (rotary tables, masks, scales), so a gradient towards the smaller operand is refused rather than summed.
 */
import * as tf from "@tensorflow/tfjs-core";

/** Registers them with tfjs's global table, over any that are there. */
export function registerGradients(): void {
  for (const config of [ADD, MULTIPLY, MATMUL, RESHAPE, TRANSPOSE, SOFTMAX, SIGMOID]) tf.registerGradient(config);
}

const ADD: tf.GradConfig = {
  kernelName: "Add",
  inputsToSave: ["a", "b"],
  gradFunc: (dy, saved) => {
    const [a, b] = saved as [tf.Tensor, tf.Tensor];
    return { a: () => whole(one(dy).clone(), a), b: () => whole(one(dy).clone(), b) };
  },
};

const MULTIPLY: tf.GradConfig = {
  kernelName: "Multiply",
  inputsToSave: ["a", "b"],
  gradFunc: (dy, saved) => {
    const [a, b] = saved as [tf.Tensor, tf.Tensor];
    return { a: () => whole(tf.mul(one(dy), b), a), b: () => whole(tf.mul(one(dy), a), b) };
  },
};

/** out = a b or a bᵀ. */
const MATMUL: tf.GradConfig = {
  kernelName: "BatchMatMul",
  inputsToSave: ["a", "b"],
  gradFunc: (dy, saved, attributes) => {
    const [a, b] = saved as [tf.Tensor, tf.Tensor];
    if (attributes["transposeA"] === true)
      throw new Error("the gradient of a product with a transposed first factor is not known");
    return attributes["transposeB"] === true
      ? { a: () => tf.matMul(one(dy), b), b: () => tf.matMul(one(dy), a, true, false) }
      : { a: () => tf.matMul(one(dy), b, false, true), b: () => tf.matMul(a, one(dy), true, false) };
  },
};

const RESHAPE: tf.GradConfig = {
  kernelName: "Reshape",
  inputsToSave: ["x"],
  gradFunc: (dy, saved) => ({ x: () => tf.reshape(one(dy), (saved[0] as tf.Tensor).shape) }),
};

const TRANSPOSE: tf.GradConfig = {
  kernelName: "Transpose",
  gradFunc: (dy, _saved, attributes) => {
    const perm = attributes["perm"] as number[];
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    return { x: () => tf.transpose(one(dy), inverse) };
  },
};

/** Over the last axis: p (dy − Σ dy p). */
const SOFTMAX: tf.GradConfig = {
  kernelName: "Softmax",
  outputsToSave: [true],
  gradFunc: (dy, saved) => {
    const p = saved[0] as tf.Tensor;
    return {
      logits: () => {
        const weighted = tf.mul(one(dy), p);
        return tf.sub(weighted, tf.mul(p, tf.sum(weighted, -1, true)));
      },
    };
  },
};

const SIGMOID: tf.GradConfig = {
  kernelName: "Sigmoid",
  outputsToSave: [true],
  gradFunc: (dy, saved) => {
    const s = saved[0] as tf.Tensor;
    return { x: () => tf.mul(one(dy), tf.sub(s, tf.square(s))) };
  },
};

function one(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  if (Array.isArray(dy)) throw new Error("an operation with several outputs has no gradient here");
  return dy;
}

function whole(gradient: tf.Tensor, input: tf.Tensor): tf.Tensor {
  if (String(gradient.shape) !== String(input.shape))
    throw new Error("a gradient towards a broadcast operand is not known");
  return gradient;
}
