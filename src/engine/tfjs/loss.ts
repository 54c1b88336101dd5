/**
 * Output head and cross-entropy, fused and taken in chunks of rows, so that logits [N, V] never exist as a whole.
 *
 * The gradient of the loss towards the logits is softmax − one-hot, known as soon as the logits are; so both gradients of the head are
 * computed in the forward pass and only handed out in the backward one. `seed_N` is what the outside will multiply each token's loss by.
 */
import * as tf from "@tensorflow/tfjs-core";

/** Logits of a chunk, 2 MB of float32: what a core's second-level cache holds (measured on tfjs-wasm: 15 % off the whole step). */
const CHUNK_LOGITS = 1 << 19;
/** Rows of a chunk at least, so that products stay products of matrices when the vocabulary is large. */
const CHUNK_ROWS = 128;

/** −ln p(target) of each token, [N], without gradient. */
export function tokenLosses(hidden_NC: tf.Tensor2D, head_VC: tf.Tensor2D, targets_N: Int32Array): tf.Tensor1D {
  const headT_CV = tf.transpose(head_VC) as tf.Tensor2D;
  return tf.concat(
    chunksOf(targets_N.length, head_VC.shape[0]).map(({ start, count }) =>
      tf.tidy(() => {
        const logits: tf.Tensor2D = tf.matMul(rowsOf(hidden_NC, start, count), headT_CV);
        return lossOf(logits, tf.softmax(logits), targets_N.subarray(start, start + count));
      }),
    ),
  );
}

/** As `tokenLosses`, with the gradient of Σ seed·loss towards both inputs (whatever the incoming gradient is). */
export function tokenLossesWithGradient(
  hidden_NC: tf.Tensor2D,
  head_VC: tf.Tensor2D,
  targets_N: Int32Array,
  seed_N: Float32Array,
): tf.Tensor1D {
  const withGradient = tf.customGrad((...inputs) => {
    const [hidden, head, save] = inputs as [tf.Tensor2D, tf.Tensor2D, tf.GradSaveFunc];
    const { losses_N, dHidden_NC, dHead_VC } = lossAndGradients(hidden, head, targets_N, seed_N);
    save([dHidden_NC, dHead_VC]);
    return { value: losses_N, gradFunc: (_dy: tf.Tensor, saved: tf.Tensor[]) => saved.map((tensor) => tensor.clone()) };
  });
  return withGradient(hidden_NC, head_VC) as tf.Tensor1D;
}

interface LossAndGradients {
  readonly losses_N: tf.Tensor1D;
  readonly dHidden_NC: tf.Tensor2D;
  readonly dHead_VC: tf.Tensor2D;
}

function lossAndGradients(
  hidden_NC: tf.Tensor2D,
  head_VC: tf.Tensor2D,
  targets_N: Int32Array,
  seed_N: Float32Array,
): LossAndGradients {
  const headT_CV = tf.transpose(head_VC) as tf.Tensor2D;
  const parts = chunksOf(targets_N.length, head_VC.shape[0]).map(({ start, count }) =>
    tf.tidy(() => {
      const targets = targets_N.subarray(start, start + count);
      const hidden = rowsOf(hidden_NC, start, count);
      const logits: tf.Tensor2D = tf.matMul(hidden, headT_CV);
      const softmax: tf.Tensor2D = tf.softmax(logits);
      // tfjs-wasm writes integers whatever type `oneHot` is asked for, hence the cast.
      const oneHot = tf.cast(tf.oneHot(tf.tensor1d(targets, "int32"), head_VC.shape[0]), "float32");
      const seed = tf.tensor2d(seed_N.subarray(start, start + count), [count, 1]);
      const dLogits = tf.mul(tf.sub(softmax, oneHot), seed) as tf.Tensor2D;
      const loss = lossOf(logits, softmax, targets);
      const dHidden: tf.Tensor2D = tf.matMul(dLogits, head_VC);
      const dHeadT: tf.Tensor2D = tf.matMul(hidden, dLogits, true, false);
      return { loss, dHidden, dHeadT };
    }),
  );
  return {
    losses_N: tf.concat(parts.map((part) => part.loss)),
    dHidden_NC: tf.concat(parts.map((part) => part.dHidden)),
    dHead_VC: tf.transpose(tf.addN(parts.map((part) => part.dHeadT))),
  };
}

/**
 * ln Σ exp(z) − z_target, with the logarithm of the sum taken from the likeliest token: max z − ln max p. It is never far from 0, so
 * nothing overflows or is lost, and no second pass of exponentials is needed.
 */
function lossOf(logits: tf.Tensor2D, softmax: tf.Tensor2D, targets: Int32Array): tf.Tensor1D {
  const places = new Int32Array(2 * targets.length);
  targets.forEach((target, row) => {
    places.set([row, target], 2 * row);
  });
  const chosen = tf.gatherND(logits, tf.tensor2d(places, [targets.length, 2], "int32"));
  return tf.sub(tf.sub(tf.max(logits, 1), chosen), tf.log(tf.max(softmax, 1)));
}

function rowsOf(x: tf.Tensor2D, start: number, count: number): tf.Tensor2D {
  return count === x.shape[0] ? x : tf.slice(x, [start, 0], [count, x.shape[1]]);
}

function chunksOf(rows: number, vocabulary: number): { readonly start: number; readonly count: number }[] {
  const size = Math.min(rows, Math.max(CHUNK_ROWS, Math.floor(CHUNK_LOGITS / vocabulary)));
  return Array.from({ length: Math.ceil(rows / size) }, (_, chunk) => ({
    start: chunk * size,
    count: Math.min(size, rows - chunk * size),
  }));
}
