/** An engine that computes nothing, keeps what it is asked and may be made to tell everything. */
import type { Profiled } from "../../src/bench/profiled.js";
import type { Batch } from "../../src/data/batch.js";
import type { AdamWStep, Engine, EngineTensor, RowLosses, TensorCopy, TensorSource } from "../../src/engine/engine.js";

export class SilentEngine implements Engine {
  readonly batches: Batch[] = [];
  readonly scales: number[] = [];
  readonly updates: AdamWStep[] = [];
  readonly loaded: string[] = [];
  disposed = false;
  /** Milliseconds that a step takes at least. */
  delayMs = 0;

  describe() {
    return { name: "silent", device: "none", precision: "fp32", deterministic: true } as const;
  }
  async load(tensors: Iterable<EngineTensor | TensorSource>): Promise<void> {
    for (const { name } of tensors) this.loaded.push(name);
  }
  copyOut(): TensorCopy {
    return { tensors: [], [Symbol.dispose]: () => {} };
  }
  async accumulate(batch: Batch, scale: number): Promise<RowLosses> {
    this.batches.push(batch);
    this.scales.push(scale);
    return { lossSum_B: new Float64Array(batch.rows), tokens_B: new Int32Array(batch.rows) };
  }
  async gradientNorm(): Promise<number> {
    return 4;
  }
  async update(step: AdamWStep): Promise<void> {
    this.updates.push(step);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
  }
  discard(): void {}
  evaluate(batch: Batch): Promise<RowLosses> {
    return this.accumulate(batch, 0);
  }
  session(): never {
    throw new Error("silent");
  }
  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

/** Tells all there is to tell: 10 ms and 2 calls of `matmul`, 1 ms and 1 call of `norm` a step. */
export class TellingEngine extends SilentEngine implements Profiled {
  readonly threads = 2;
  #counted: number | null = null;

  matmulCeiling(product: { readonly rows: number; readonly columns: number; readonly inner: number }) {
    return { ...product, rows: 8, flopsPerSecond: 1e9 };
  }
  profile() {
    const steps = this.#counted === null ? 0 : this.updates.length - this.#counted;
    this.#counted = this.updates.length;
    return [
      { kind: "norm", ms: steps, calls: steps, bytes: 100 * steps },
      { kind: "matmul", ms: 10 * steps, calls: 2 * steps, bytes: 1000 * steps, flops: 5000 * steps },
    ];
  }
}
