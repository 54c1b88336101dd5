/** What the data side hands to an engine. */

/** One micro-batch: B rows of T tokens, row-major. */
export interface Batch {
  /** B. */
  readonly rows: number;
  /** T. */
  readonly length: number;
  readonly inputs_BT: Int32Array;
  /** The token after each input. */
  readonly targets_BT: Int32Array;
  /** 1 where the target counts in the loss, else 0. */
  readonly lossMask_BT: Uint8Array;
  /**
   * For each token, the position in its row where its document starts. Token i attends to tokens j with start ≤ j ≤ i, and its
   * rotary position is i − start. All zero when packing is `attend`.
   */
  readonly documentStart_BT: Int32Array;
  /** The domain's index of each row, in the order of the plan. */
  readonly domains_B: Int32Array;
}

/** Number of targets of a batch that count in the loss. */
export function lossTokens(batch: Batch): number {
  let count = 0;
  for (const bit of batch.lossMask_BT) count += bit;
  return count;
}
