/**
 * Matrix products by cuBLASLt. `prepare` finds and measures algorithms, outside of any capture; `enqueue` then only enqueues.
 *
 * bf16 products accumulate in float32; f32 products are computed in float32 throughout, without TF32. The bits depend on the algorithm,
 * so it is remembered on this machine (`matmul-store.ts`); another machine may choose another one, and equal bits are not promised there.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { UserError } from "../../../../base/errors.js";
import type { CublasLt } from "../ffi/cublaslt.js";
import type { Card } from "./card.js";
import type { Address, Product } from "./launch.js";
import { type Choice, chooseByTime } from "./matmul-choice.js";
import { checkCublasLt } from "./matmul-errors.js";
import type { MatmulHost, Scratch } from "./matmul-host.js";
import { type Algorithm, MatmulPlan, type Workspace } from "./matmul-plan.js";
import { checkProduct, describeProduct, keyOf, outputBytes } from "./matmul-product.js";
import { MatmulStore, PLAN_FILE, type StoredChoice, storedName } from "./matmul-store.js";

/** What NVIDIA recommends: more lets Hopper's algorithms split long sums. */
const WORKSPACE_BYTES = { hopper: 32 << 20, others: 4 << 20 } as const;
const HOPPER = 9;

/** Bytes that the products of a card share. */
export function workspaceBytes([major]: Card["computeCapability"]): number {
  return major === HOPPER ? WORKSPACE_BYTES.hopper : WORKSPACE_BYTES.others;
}
const CANDIDATES = 8;
/** Scratch memory is as well aligned as any output. */
const SCRATCH_ALIGNMENT = 256n;

export interface MatmulOptions {
  /** Where algorithms are remembered; by default `~/.cache/hephaestus/cuda/matmul-plans.json`. */
  readonly file?: string;
  /** Gets a line when something takes a while, could not be done, or was repaired. */
  readonly report?: (line: string) => void;
}

/** Memory that may be overwritten while products are measured. */
export interface ScratchRange {
  readonly address: Address;
  readonly bytes: number;
}

interface Prepared {
  readonly plan: MatmulPlan;
  algorithm: Algorithm;
}

export class Matmul implements Disposable {
  private readonly handle: bigint;
  private readonly version: number;
  private readonly memory: Scratch;
  private readonly workspace: Workspace;
  private readonly store: MatmulStore;
  private readonly report: (line: string) => void;
  private readonly prepared = new Map<string, Prepared>();
  private disposed = false;

  /** @throws UserError when the card has no memory left for the workspace. */
  constructor(
    private readonly lt: CublasLt,
    private readonly host: MatmulHost,
    { file = PLAN_FILE, report = () => {} }: MatmulOptions = {},
  ) {
    const bytes = workspaceBytes(host.card.computeCapability);
    this.version = Number(lt.cublasLtGetVersion());
    this.store = new MatmulStore(file, report);
    this.report = report;
    this.memory = host.allocate(bytes);
    this.workspace = { address: this.memory.address, bytes };
    const created = new BigUint64Array(1);
    const status = lt.cublasLtCreate(created);
    if (status !== 0) this.memory[Symbol.dispose]();
    checkCublasLt(lt, status, "begin to work on this card");
    this.handle = created[0];
  }

  /**
   * Chooses the algorithms of all products that have none yet. a, b and plus are only read; outputs are not touched, since they may hold
   * what is still needed: measuring writes to `scratch`, or where that is too small to memory that it allocates meanwhile.
   */
  async prepare(products: readonly Product[], scratch: ScratchRange | null = null): Promise<void> {
    this.checkUsable();
    products.forEach(checkProduct);
    const fresh = new Map(products.map((product) => [keyOf(product), product]));
    for (const key of this.prepared.keys()) fresh.delete(key);
    const chosen = new Map<string, StoredChoice>();
    const refused = new Set<string>();
    for (const [key, product] of fresh) {
      const name = this.nameOf(key);
      const remembered = await this.store.find(name);
      this.checkUsable();
      if (this.prepared.has(key)) continue;
      const plan = new MatmulPlan(this.lt, this.handle, product);
      try {
        using target = this.target(outputBytes(product), scratch);
        const trial = target === null ? null : onto(target.address, product);
        const accepted = remembered === null ? null : this.accepted(plan, trial, remembered);
        if (remembered !== null && accepted === null) refused.add(name);
        if (accepted === null && chosen.size === 0) this.report("measuring matrix products (once on this machine)");
        const choice = accepted ?? this.choose(plan, trial);
        if (accepted === null) chosen.set(name, stored(choice));
        this.prepared.set(key, { plan, algorithm: choice.algorithm });
      } catch (error) {
        plan[Symbol.dispose]();
        throw error;
      }
      await nextTurn();
    }
    if (chosen.size > 0) await this.remember(chosen, refused);
  }

  /** Puts a prepared product on a stream; may be captured in a graph. One stream at a time: products share a workspace. */
  enqueue(product: Product, stream: bigint): void {
    this.checkUsable();
    checkProduct(product);
    const entry = this.prepared.get(keyOf(product));
    if (entry === undefined) throw new Error(`this product was not prepared: ${describeProduct(product)}`);
    const status = entry.plan.enqueue(product, entry.algorithm, this.workspace, stream);
    checkCublasLt(this.lt, status, `compute ${describeProduct(product)}`);
  }

  /** The stream must be idle. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const { plan } of this.prepared.values()) plan[Symbol.dispose]();
    this.prepared.clear();
    this.lt.cublasLtDestroy(this.handle);
    this.memory[Symbol.dispose]();
  }

  /**
   * A remembered choice, or null where it cannot run. It is tried, which also loads its kernel: during a capture nothing can be loaded.
   */
  private accepted(plan: MatmulPlan, trial: Product | null, remembered: StoredChoice): Choice | null {
    const algorithm = Uint8Array.from(Buffer.from(remembered.algorithm, "hex"));
    if (!plan.accepts(algorithm, this.workspace.bytes)) return null;
    const { stream } = this.host.timer;
    if (trial !== null && plan.enqueue(trial, algorithm, this.workspace, stream) !== 0) return null;
    return { algorithm, milliseconds: remembered.milliseconds };
  }

  private choose(plan: MatmulPlan, trial: Product | null): Choice {
    const candidates = plan.candidates(CANDIDATES, this.workspace.bytes);
    if (trial !== null) return chooseByTime(this.lt, plan, trial, candidates, this.workspace, this.host.timer);
    this.report(`no memory to measure ${plan.description}; taking the algorithm that cuBLASLt recommends`);
    return { algorithm: candidates[0], milliseconds: null };
  }

  /** Somewhere to write to; null when there is no memory. */
  private target(bytes: number, scratch: ScratchRange | null): Scratch | null {
    const start = scratch === null ? 0n : (scratch.address + SCRATCH_ALIGNMENT - 1n) & ~(SCRATCH_ALIGNMENT - 1n);
    if (scratch !== null && start + BigInt(bytes) <= scratch.address + BigInt(scratch.bytes))
      return { address: start, [Symbol.dispose]: () => {} };
    try {
      return this.host.allocate(bytes);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return null;
    }
  }

  /** Where another process was first, its choice is taken. */
  private async remember(chosen: ReadonlyMap<string, StoredChoice>, refused: ReadonlySet<string>): Promise<void> {
    const kept = await this.store.add(chosen, refused);
    for (const [key, entry] of this.prepared) {
      const other = kept.get(this.nameOf(key));
      if (other !== undefined) entry.algorithm = this.accepted(entry.plan, null, other)?.algorithm ?? entry.algorithm;
    }
  }

  private nameOf(key: string): string {
    return storedName(this.host.card, this.version, key);
  }

  private checkUsable(): void {
    if (this.disposed) throw new Error("these products were disposed");
  }
}

/** The same product with another output. */
function onto(address: Address, product: Product): Product {
  return { ...product, out: address, plus: product.plus === product.out ? address : product.plus };
}

function stored({ algorithm, milliseconds }: Choice): StoredChoice {
  return { algorithm: Buffer.from(algorithm).toString("hex"), milliseconds };
}
