/**
 * The passes over batches of every size that was met: activation buffers and the recorded program.
 *
 * One arena of each type serves all sizes. It grows when a larger batch comes, which ends the programs recorded over the old one; a run
 * whose largest batch comes first never records again.
 */
import type { Architecture } from "../../model/architecture.js";
import type { BatchSize } from "../../model/costs.js";
import { rotaryFrequencies, rotaryRows } from "../../model/rope.js";
import { type ActivationOptions, type ActivationPlan, type Kind, planActivations } from "./activations.js";
import { type Device, DTYPE_BYTES, type Dtype, type Float, type Operations, type Program } from "./device.js";
import { type Activations, type Arenas, activationsOf } from "./views.js";

/** A program and the buffers that it works on. */
export interface RecordedPass {
  readonly activations: Activations;
  readonly program: Program;
}

export interface Pass extends RecordedPass {
  readonly kind: Kind;
}

/** Writes a pass's operations. */
export type RecordPass = (ops: Operations, activations: Activations) => void;

/** Programs kept; sizes are few in training and may be many in evaluation of single documents. */
const KEPT = 32;

const ARENAS = { f32: "activations", bf16: "bf16 activations", i32: "tokens" } as const satisfies Record<Dtype, string>;
const DTYPES = Object.keys(ARENAS) as Dtype[];

export class Passes {
  /** Of the activations. */
  readonly float: Float;
  readonly #device: Device;
  readonly #architecture: Architecture;
  readonly #options: ActivationOptions;
  readonly #record: (ops: Operations, kind: Kind, activations: Activations) => void;
  readonly #frequencies: Float64Array;
  /** Of the longest length that was asked for. */
  #rotary: Float32Array = new Float32Array();
  /** The least recently used first. */
  readonly #known = new Map<string, Pass & { readonly owner: object | null }>();
  readonly #owners = new WeakMap<object, number>();
  #nextOwner = 0;
  #arenas: Arenas = {};
  /** The pass whose rotary table the arenas hold: no operation writes there, but passes of other sizes have other buffers there. */
  #laid: Pass | null = null;

  /** @param record writes a pass's operations. */
  constructor(
    device: Device,
    architecture: Architecture,
    options: ActivationOptions,
    record: (ops: Operations, kind: Kind, activations: Activations) => void,
  ) {
    this.float = options.float ?? "f32";
    this.#options = options;
    this.#device = device;
    this.#architecture = architecture;
    this.#record = record;
    this.#frequencies = rotaryFrequencies(architecture);
  }

  /** Bytes of all arenas. */
  get bytes(): number {
    return Object.values(this.#arenas).reduce((sum, { size, dtype }) => sum + size * DTYPE_BYTES[dtype], 0);
  }

  /**
   * The pass for this size, recorded when it is new, with its rotary table in place until the next call. Not while a program runs.
   * @throws UserError when memory is short.
   */
  get(batch: BatchSize, kind: Kind): Pass {
    const key = `${batch.rows}x${batch.length} ${kind}`;
    const pass = this.#kept(key, batch, kind, (ops, activations) => this.#record(ops, kind, activations));
    if (this.#laid !== pass) this.#device.write(pass.activations.rotary_TD, this.rotary(batch.length));
    this.#laid = pass;
    return pass;
  }

  /**
   * A pass over the buffers of an evaluation with operations of the caller's own.
   * @param owner who asks: `forget` ends what it recorded. The same owner, size and `variant` must mean the same operations.
   */
  own(owner: object, batch: BatchSize, variant: string, record: RecordPass): RecordedPass {
    const number = this.#owners.get(owner) ?? this.#nextOwner++;
    this.#owners.set(owner, number);
    this.#laid = null;
    return this.#kept(`${batch.rows}x${batch.length} of ${number} ${variant}`, batch, "evaluation", record, owner);
  }

  /** Ends the programs of an owner. */
  forget(owner: object): void {
    for (const [key, known] of [...this.#known]) if (known.owner === owner) this.#drop(key);
  }

  /** Contents of a rotary table; that of a shorter length is its beginning. */
  rotary(length: number): Float32Array {
    const wanted = length * 2 * this.#frequencies.length;
    if (this.#rotary.length < wanted) this.#rotary = rotaryRows(this.#frequencies, length);
    return this.#rotary.subarray(0, wanted);
  }

  #kept(key: string, batch: BatchSize, kind: Kind, record: RecordPass, owner: object | null = null): Pass {
    const pass = this.#known.get(key) ?? { ...this.#make(batch, kind, record), owner };
    this.#known.delete(key);
    this.#known.set(key, pass);
    if (this.#known.size > KEPT) this.#drop(this.#known.keys().next().value as string);
    return pass;
  }

  #make(batch: BatchSize, kind: Kind, record: RecordPass): Pass {
    this.#laid = null;
    const plan = planActivations(this.#architecture, batch, kind, this.#options);
    const activations = activationsOf(this.#device, this.#reserve(plan), plan, this.#architecture);
    return { kind, activations, program: this.#device.record((ops) => record(ops, activations)) };
  }

  #drop(key: string): void {
    this.#known.get(key)?.program[Symbol.dispose]();
    this.#known.delete(key);
  }

  #reserve({ elements }: ActivationPlan): Arenas {
    const held = this.#arenas;
    const sizes = DTYPES.map((dtype) => ({ dtype, size: Math.max(elements[dtype], held[dtype]?.size ?? 0) }));
    if (sizes.every(({ dtype, size }) => size === (held[dtype]?.size ?? 0))) return held;
    for (const key of [...this.#known.keys()]) this.#drop(key);
    this.#device.free(Object.values(held));
    this.#arenas = {};
    const wanted = sizes.filter(({ size }) => size > 0);
    const made = this.#device.allocate(
      wanted.map(({ dtype, size }) => ({ name: ARENAS[dtype], shape: [size], dtype })),
    );
    this.#arenas = Object.fromEntries(wanted.map(({ dtype }) => [dtype, made.get(ARENAS[dtype])]));
    return this.#arenas;
  }

  /** Ends all programs. */
  [Symbol.dispose](): void {
    for (const key of [...this.#known.keys()]) this.#drop(key);
  }
}
