/**
 * RMSNorm (Zhang and Sennrich, arXiv 1910.07467) with its gradient by hand: half the operations of the automatic one, and the weight's
 * gradient as a product with ones, which every backend does fast (tfjs-wasm sums over the first axis through a transpose).
 */
import * as tf from "@tensorflow/tfjs-core";

/** x / √(mean(x²) + ε) · weight over the last axis of x_MC; `weight` has shape [C]. */
export function rmsNorm(x_MC: tf.Tensor2D, weight_C: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  const withGradient = tf.customGrad((...inputs) => {
    const [x, weight, save] = inputs as [tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];
    const inverse_M1 = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
    const unit_MC = tf.mul(x, inverse_M1);
    save([unit_MC, inverse_M1, weight]);
    return { value: tf.mul(unit_MC, weight), gradFunc: gradientOfNorm };
  });
  return withGradient(x_MC, weight_C) as tf.Tensor2D;
}

function gradientOfNorm(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
  const [unit_MC, inverse_M1, weight_C] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
  const dUnit_MC = tf.mul(dy, weight_C);
  const along_M1 = tf.mean(tf.mul(dUnit_MC, unit_MC), -1, true);
  const dx_MC = tf.mul(inverse_M1, tf.sub(dUnit_MC, tf.mul(unit_MC, along_M1)));
  return [dx_MC, columnSums(tf.mul(dy, unit_MC))];
}

/** Sums over the first axis, [M, C] → [C]. */
export function columnSums(x_MC: tf.Tensor2D): tf.Tensor1D {
  return tf.reshape(tf.matMul(tf.ones([1, x_MC.shape[0]]), x_MC), [x_MC.shape[1]]);
}
