/**
 * Causal grouped-query attention on [N, ·] matrices.
 *
 * Queries are grouped by the key/value head that they read, [B·K, (H/K)·T, D], so that keys and values are never repeated.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Architecture } from "../../model/architecture.js";
import type { Layout } from "./layout.js";

/** Rotates pairs (d, d + D/2) of each head by the token's angle. x is [N, heads, D]. */
export function rope(x_NHD: tf.Tensor3D, layout: Layout): tf.Tensor3D {
  const [tokens, heads, headWidth] = x_NHD.shape;
  const turned = tf.matMul(tf.reshape(x_NHD, [tokens * heads, headWidth]), layout.quarterTurn);
  return tf.add(tf.mul(x_NHD, layout.cos), tf.mul(tf.reshape(turned, x_NHD.shape), layout.sin));
}

/** [N, heads·D] or [N, heads, D] of B rows to [B·heads, T, D]. */
export function byHead(x: tf.Tensor, rows: number, headWidth: number): tf.Tensor3D {
  const heads = x.size / (x.shape[0] as number) / headWidth;
  const length = (x.shape[0] as number) / rows;
  const x_BHTD = tf.transpose(tf.reshape(x, [rows, length, heads, headWidth]), [0, 2, 1, 3]);
  return tf.reshape(x_BHTD, [rows * heads, length, headWidth]);
}

/**
 * softmax(q kᵀ / √D + bias) v.
 * @param q_BHTD [B·H, T, D]
 * @param k_BKSD [B·K, S, D]
 * @param v_BKSD [B·K, S, D]
 * @returns [N, H·D]
 */
export function attend(
  { heads, kvHeads, headWidth }: Architecture,
  { rows, queries, keys, bias }: Layout,
  q_BHTD: tf.Tensor3D,
  k_BKSD: tf.Tensor3D,
  v_BKSD: tf.Tensor3D,
): tf.Tensor2D {
  const grouped: [number, number, number] = [rows * kvHeads, (heads / kvHeads) * queries, headWidth];
  const q = tf.reshape(tf.mul(q_BHTD, 1 / Math.sqrt(headWidth)), grouped);
  const scores = tf.reshape(tf.matMul(q, k_BKSD, false, true), [rows, heads, queries, keys]);
  const weights = tf.reshape(tf.softmax(tf.add(scores, bias)), [rows * kvHeads, (heads / kvHeads) * queries, keys]);
  const mixed_BHTD = tf.reshape(tf.matMul(weights, v_BKSD), [rows, heads, queries, headWidth]);
  return tf.reshape(tf.transpose(mixed_BHTD, [0, 2, 1, 3]), [rows * queries, heads * headWidth]);
}
