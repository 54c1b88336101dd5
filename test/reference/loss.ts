/** Cross-entropy of next tokens, −ln p(target), and its gradient towards the logits: softmax − one-hot where the target counts. */
import type { Batch } from "../../src/data/batch.js";
import { type Arithmetic, at, fill, sum, type Values } from "./arithmetic.js";
import { softmax } from "./attention.js";

/** Loss of every token, [N]; 0 where the target does not count. */
export function tokenLosses(a: Arithmetic, batch: Batch, logits: Values): Values {
  const vocabulary = logits.length / batch.targets_BT.length;
  return fill(a, batch.targets_BT.length, (token) => {
    if (batch.lossMask_BT[token] === 0) return 0;
    const row = logits.subarray(token * vocabulary, (token + 1) * vocabulary);
    const top = Math.max(...row);
    const total = sum(a, vocabulary, (v) => a.round(Math.exp(a.round(at(row, v) - top))));
    return a.round(a.round(Math.log(total)) + top) - at(row, batch.targets_BT[token] as number);
  });
}

/** Gradient of scale · Σ loss, [N, V]. */
export function lossGradient(a: Arithmetic, batch: Batch, logits: Values, scale: number): Values {
  const vocabulary = logits.length / batch.targets_BT.length;
  const dLogits = new Float64Array(logits.length);
  batch.targets_BT.forEach((target, token) => {
    if (batch.lossMask_BT[token] === 0) return;
    const p = softmax(a, logits.subarray(token * vocabulary, (token + 1) * vocabulary));
    for (let v = 0; v < vocabulary; v++)
      dLogits[token * vocabulary + v] = a.round(a.round(at(p, v) - (v === target ? 1 : 0)) * a.round(scale));
  });
  return dLogits;
}

/** Loss of every row, summed in double precision as the engine seam asks. */
export function rowSums(batch: Batch, losses_N: Values): Float64Array {
  return Float64Array.from({ length: batch.rows }, (_, row) =>
    losses_N.subarray(row * batch.length, (row + 1) * batch.length).reduce((total, loss) => total + loss, 0),
  );
}
