/**
 * The engine that schedules the decoder by hand over a device: programs are recorded once per size of batch and run many times.
 *
 * Everything that uses the device takes turns, so that callers need not wait for each other; only copies go on beside others' turns. The gradient is cleared when it is next
 * needed and not when it is discarded, since clearing is work for the device.
 */
import type { Batch } from "../../data/batch.js";
import type { Architecture } from "../../model/architecture.js";
import type { Parameter } from "../../model/parameters.js";
import { CopyOut } from "../copy-out.js";
import type {
  AdamWStep,
  DecodingSession,
  Engine,
  EngineDescription,
  EngineTensor,
  RowLosses,
  SessionOptions,
  TensorCopy,
  TensorKind,
  TensorSource,
} from "../engine.js";
import { rowLosses } from "../seam.js";
import type { Kind, Recomputation } from "./activations.js";
import { backward } from "./backward.js";
import { type Product, timeCopy, timeProduct } from "./ceiling.js";
import {
  type Buffer,
  type Device,
  type DeviceMemory,
  DTYPE_BYTES,
  type Operations,
  type Program,
  SCALARS,
  type Timing,
  type Timings,
} from "./device.js";
import { forward } from "./forward.js";
import { head } from "./head.js";
import { checkSizes, tokensOf } from "./inputs.js";
import { ParameterArenas } from "./parameters.js";
import { type Pass, Passes } from "./passes.js";
import { FP32, type Precision } from "./precision.js";
import { type Roles, rolesOf } from "./roles.js";
import { NativeSession } from "./session.js";
import { Turns } from "./turns.js";
import { passScalars, update, updateScalars } from "./update.js";
import type { Activations } from "./views.js";

export interface NativeOptions {
  /** Such as `native-cpu`. */
  readonly name: string;
  /** What the backward pass computes again instead of keeping it; changes memory and speed, not a bit of the result. */
  readonly recomputation?: Recomputation;
  /** By default float32 throughout. */
  readonly precision?: Precision;
  /** Bytes of logits that exist at a time; see `activations.ts`. */
  readonly logitBytes?: number;
}

/** What training needs beyond the weights. */
interface Training {
  readonly gradients: Roles;
  readonly clear: Program;
  readonly norm: Program;
  readonly update: Program;
}

/** A batch on its way to the device. */
interface Ready {
  readonly pass: Pass;
  readonly batch: Batch;
  readonly tokens: Int32Array;
}

export class NativeEngine implements Engine {
  readonly #architecture: Architecture;
  readonly #device: Device;
  readonly #name: string;
  readonly #recomputation: Recomputation;
  readonly #precision: Precision;
  readonly #turns = new Turns();
  readonly #parameters: ParameterArenas;
  readonly #weights: Roles;
  readonly #passes: Passes;
  readonly #scalars: Buffer;
  readonly #squares: Buffer;
  #training: Training | null = null;
  /** Runs while somebody profiles. */
  #clocks: Timings | undefined;
  /** `stale`: what the arena holds no longer counts. */
  #gradient: "zero" | "accumulated" | "stale" = "zero";

  /** Takes the device over, also when it fails. @throws UserError when memory is short. */
  constructor(architecture: Architecture, table: readonly Parameter[], device: Device, options: NativeOptions) {
    this.#architecture = architecture;
    this.#device = device;
    this.#name = options.name;
    this.#recomputation = options.recomputation ?? "none";
    this.#precision = options.precision ?? FP32;
    try {
      this.#parameters = new ParameterArenas(device, table, this.#precision);
      this.#weights = rolesOf(device, this.#parameters.weights, this.#parameters.layout, architecture);
      const numbers = device.allocate([
        { name: "scalars", shape: [SCALARS.length], dtype: "f32" },
        { name: "squares", shape: [1], dtype: "f32" },
      ]);
      [this.#scalars, this.#squares] = [...numbers.values()];
      const { logitBytes } = options;
      const planned = { float: this.#precision.activations, ...(logitBytes === undefined ? {} : { logitBytes }) };
      this.#passes = new Passes(device, architecture, planned, (ops, kind, a) => this.#record(ops, kind, a));
    } catch (error) {
      device[Symbol.dispose]();
      throw error;
    }
  }

  describe(): EngineDescription {
    return { name: this.#name, device: this.#device.description, precision: this.#precision.name, deterministic: true };
  }

  /** Bytes of all planned buffers that exist now, without those of sessions: `memory.ts` predicts them. */
  get allocatedBytes(): number {
    const numbers = DTYPE_BYTES.f32 * (this.#scalars.size + this.#squares.size);
    return this.#parameters.bytes + this.#passes.bytes + numbers;
  }

  get threads(): number | undefined {
    return this.#device.threads;
  }

  /** Time of every kind of operation since the call before. The first call starts the clocks and gives nothing. */
  profile(): (Timing & { readonly kind: string })[] {
    const seen: Timings = this.#clocks ?? new Map();
    this.#clocks = new Map();
    return [...seen].map(([kind, timing]) => ({ kind, ...timing }));
  }

  /** Speed of out[rows, columns] = a · bᵀ when the device does nothing else: the best of a few runs. */
  matmulCeiling(product: Product): Promise<Product & { flopsPerSecond: number }> {
    return this.#turns.take(() => timeProduct(this.#device, product, this.#precision.activations));
  }

  /** Speed of a copy of so many bytes, likewise. */
  copyCeiling(bytes: number): Promise<{ bytes: number; bytesPerSecond: number }> {
    return this.#turns.take(() => timeCopy(this.#device, bytes));
  }

  /** The device's own memory; absent where it computes in the process's. */
  get deviceMemory(): DeviceMemory | undefined {
    return this.#device.memory;
  }

  async load(tensors: Iterable<EngineTensor | TensorSource>): Promise<void> {
    if (!this.#turns.idle) throw new Error("weights cannot be loaded while the engine computes");
    await this.#turns.take(async () => {
      await this.#parameters.load(tensors);
      this.#forgetGradient();
    });
  }

  /** Weights and moments only change with an update, so they are copied beside the batches that come before the next one. */
  copyOut(kinds: readonly TensorKind[], aheadBytes: number): TensorCopy {
    const copy = new CopyOut(this.#parameters.outgoing(kinds), aheadBytes);
    const fill = async () => {
      using _range = this.#range(`copy of ${kinds.join(", ")}`);
      if (kinds.includes("weight")) this.#parameters.checkLoaded();
      await copy.fill(this.#parameters.reader(this.#gradient === "accumulated"));
    };
    const filled = kinds.includes("gradient") ? this.#turns.take(fill) : this.#turns.beside(fill);
    filled.catch((error: unknown) => copy.fail(error));
    return copy;
  }

  accumulate(batch: Batch, scale: number): Promise<RowLosses> {
    return this.#turns.take(async () => {
      using _range = this.#range("accumulate");
      checkSizes(batch);
      const { clear } = this.#trained();
      if (this.#gradient === "stale") await this.#device.run(clear, this.#clocks);
      const ready = this.#laidOut(batch, this.#recomputation);
      // Until the pass is through, the arena holds part of a gradient.
      this.#gradient = "stale";
      const losses = await this.#run(ready, scale);
      this.#gradient = "accumulated";
      return losses;
    });
  }

  evaluate(batch: Batch): Promise<RowLosses> {
    return this.#turns.take(async () => {
      using _range = this.#range("evaluate");
      checkSizes(batch);
      return await this.#run(this.#laidOut(batch, "evaluation"), 1);
    });
  }

  /** The norm of nothing is 0. */
  gradientNorm(): Promise<number> {
    return this.#turns.take(async () => {
      if (this.#gradient !== "accumulated") return 0;
      using _range = this.#range("norm of the gradient");
      await this.#device.run(this.#trained().norm, this.#clocks);
      const [squares] = await this.#device.read(this.#squares);
      return Math.sqrt(squares);
    });
  }

  /** Waits for copies that were asked for before. @throws Error without a gradient. */
  update(step: AdamWStep): Promise<void> {
    return this.#turns.alone(async () => {
      if (this.#gradient !== "accumulated") throw new Error("there is no gradient to apply yet");
      using _range = this.#range("update");
      this.#gradient = "stale";
      this.#device.write(this.#scalars, updateScalars(step));
      await this.#device.run(this.#trained().update, this.#clocks);
      this.#gradient = "zero";
    });
  }

  discard(): void {
    this.#turns.soon(() => this.#forgetGradient());
  }

  session(options: SessionOptions): DecodingSession {
    return new NativeSession(
      {
        device: this.#device,
        architecture: this.#architecture,
        weights: this.#weights,
        passes: this.#passes,
        turns: this.#turns,
      },
      options,
    );
  }

  /** Frees the device, after what is being computed. */
  [Symbol.dispose](): void {
    this.#turns.close(() => {
      this.#passes[Symbol.dispose]();
      const { clear, norm, update: step } = this.#training ?? {};
      for (const program of [clear, norm, step]) program?.[Symbol.dispose]();
      this.#device[Symbol.dispose]();
    });
  }

  #range(name: string): Disposable | null {
    return this.#device.range?.(name) ?? null;
  }

  #forgetGradient(): void {
    if (this.#gradient === "accumulated") this.#gradient = "stale";
  }

  /** What training needs, made when first asked for. */
  #trained(): Training {
    if (this.#training !== null) return this.#training;
    const { training, layout } = this.#parameters;
    this.#training = {
      gradients: rolesOf(this.#device, training.gradient, layout, this.#architecture),
      clear: this.#device.record((ops) => ops.zero(training.gradient)),
      norm: this.#device.record((ops) => ops.squaredNorm(this.#squares, training.gradient)),
      update: this.#device.record((ops) =>
        update(ops, this.#device, layout, this.#parameters, training, this.#scalars),
      ),
    };
    return this.#training;
  }

  #record(ops: Operations, kind: Kind, a: Activations): void {
    const { vocabulary } = this.#architecture;
    const gradients = kind === "evaluation" ? null : this.#trained().gradients;
    forward(ops, this.#architecture, this.#weights, a);
    head(ops, vocabulary, this.#scalars, this.#weights, gradients, a);
    if (gradients !== null) backward(ops, this.#architecture, kind, this.#weights, gradients, a);
  }

  /** The pass for a batch, and its tokens as that pass reads them. @throws RangeError for what would be read beyond a buffer. */
  #laidOut(batch: Batch, kind: Kind): Ready {
    this.#parameters.checkLoaded();
    const pass = this.#passes.get(batch, kind);
    return { pass, batch, tokens: tokensOf(batch, this.#architecture.vocabulary, pass.activations.tokenPlaces) };
  }

  async #run({ pass: { activations: a, program }, batch, tokens }: Ready, lossScale: number): Promise<RowLosses> {
    const device = this.#device;
    device.write(a.tokens, tokens);
    device.write(a.mask_N, new Float32Array(batch.lossMask_BT));
    device.write(this.#scalars, passScalars(lossScale));
    await device.run(program, this.#clocks);
    return rowLosses(batch, await device.read(a.losses_N));
  }
}
