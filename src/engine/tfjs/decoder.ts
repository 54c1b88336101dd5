/** The decoder of `model/architecture.ts` in tfjs operations, from embedded tokens to the final norm. The head is in `loss.ts`. */
import * as tf from "@tensorflow/tfjs-core";
import { type Architecture, hasRope } from "../../model/architecture.js";
import { attend, byHead, rope } from "./attention.js";
import type { Layout } from "./layout.js";
import { columnSums, rmsNorm } from "./norm.js";

/** Looks a weight up by its Hugging Face name. */
export type Weights = (name: string) => tf.Tensor;

/** Keys and values of one layer, [B·K, S, D] each. */
export interface KeysAndValues {
  readonly keys: tf.Tensor3D;
  readonly values: tf.Tensor3D;
}

/** Puts what a layer remembers before its new keys and values; training passes them through. */
export type Remember = (layer: number, fresh: KeysAndValues) => KeysAndValues;

/** Output of the final norm, [N, C], of embedded tokens [N, C]. */
export function hiddenStates(
  architecture: Architecture,
  weights: Weights,
  layout: Layout,
  embedded_NC: tf.Tensor2D,
  remember: Remember = (_layer, fresh) => fresh,
): tf.Tensor2D {
  const { layers, normEpsilon } = architecture;
  let x_NC = embedded_NC;
  for (let layer = 0; layer < layers; layer++) {
    const local: Weights = (name) => weights(`model.layers.${layer}.${name}`);
    const attentionInput = rmsNorm(x_NC, local("input_layernorm.weight") as tf.Tensor1D, normEpsilon);
    x_NC = tf.add(
      x_NC,
      attention(architecture, local, layer, layout, attentionInput, (fresh) => remember(layer, fresh)),
    );
    const mlpInput = rmsNorm(x_NC, local("post_attention_layernorm.weight") as tf.Tensor1D, normEpsilon);
    x_NC = tf.add(x_NC, swiGlu(local, mlpInput));
  }
  return rmsNorm(x_NC, weights("model.norm.weight") as tf.Tensor1D, normEpsilon);
}

function attention(
  architecture: Architecture,
  weights: Weights,
  layer: number,
  layout: Layout,
  input_NC: tf.Tensor2D,
  remember: (fresh: KeysAndValues) => KeysAndValues,
): tf.Tensor2D {
  const { heads, kvHeads, headWidth } = architecture;
  const { rows } = layout;
  const turned = (name: "q" | "k", count: number): tf.Tensor3D => {
    const projected = projection(architecture, weights, name, input_NC);
    const normed = architecture.qkNorm ? headNorm(architecture, weights, name, projected) : projected;
    const x_NHD: tf.Tensor3D = tf.reshape(normed, [rows * layout.queries, count, headWidth]);
    return hasRope(architecture, layer) ? rope(x_NHD, layout) : x_NHD;
  };
  const q = byHead(turned("q", heads), rows, headWidth);
  const { keys, values } = remember({
    keys: byHead(turned("k", kvHeads), rows, headWidth),
    values: byHead(projection(architecture, weights, "v", input_NC), rows, headWidth),
  });
  return linear(attend(architecture, layout, q, keys, values), weights("self_attn.o_proj.weight"));
}

function projection(
  { qkvBias }: Architecture,
  weights: Weights,
  name: "q" | "k" | "v",
  input_NC: tf.Tensor2D,
): tf.Tensor2D {
  const projected = linear(input_NC, weights(`self_attn.${name}_proj.weight`));
  return qkvBias ? addBias(projected, weights(`self_attn.${name}_proj.bias`)) : projected;
}

/** RMSNorm over D of each head of a projection [N, heads·D]. */
function headNorm(
  { headWidth, normEpsilon }: Architecture,
  weights: Weights,
  name: "q" | "k",
  x: tf.Tensor2D,
): tf.Tensor2D {
  const x_MD = tf.reshape(x, [x.size / headWidth, headWidth]) as tf.Tensor2D;
  return tf.reshape(rmsNorm(x_MD, weights(`self_attn.${name}_norm.weight`) as tf.Tensor1D, normEpsilon), x.shape);
}

function swiGlu(weights: Weights, input_NC: tf.Tensor2D): tf.Tensor2D {
  const gate_NF = linear(input_NC, weights("mlp.gate_proj.weight"));
  const up_NF = linear(input_NC, weights("mlp.up_proj.weight"));
  const silu_NF = tf.mul(gate_NF, tf.sigmoid(gate_NF));
  return linear(tf.mul(silu_NF, up_NF) as tf.Tensor2D, weights("mlp.down_proj.weight"));
}

/** x Wᵀ with W stored [out, in]. */
function linear(x: tf.Tensor2D, weight: tf.Tensor): tf.Tensor2D {
  return tf.matMul(x, weight as tf.Tensor2D, false, true);
}

/** x + bias, with the bias's gradient summed by a product (see `norm.ts`). */
function addBias(x_NC: tf.Tensor2D, bias_C: tf.Tensor): tf.Tensor2D {
  const withGradient = tf.customGrad((...inputs) => {
    const [x, bias] = inputs as [tf.Tensor2D, tf.Tensor1D];
    return { value: tf.add(x, bias), gradFunc: (dy: tf.Tensor) => [dy.clone(), columnSums(dy as tf.Tensor2D)] };
  });
  return withGradient(x_NC, bias_C) as tf.Tensor2D;
}
