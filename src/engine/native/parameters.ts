/**
 * The arenas that hold a model: weights, and once training begins gradient and moments, all of one layout. A model that is only evaluated
 * never pays for those.
 *
 * Where the precision asks for it there are float32 master weights too, from the first, since what is loaded must not be lost; the weights
 * are their rounding always, so that master and moments are all that there is to save.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { sizeOf } from "../../base/dims.js";
import type { Parameter } from "../../model/parameters.js";
import type { OutgoingSpec, Part } from "../copy-out.js";
import type { EngineTensor, Piece, TensorKind, TensorSource } from "../engine.js";
import { checkedTensors, type PlacedPiece, placedPieces } from "../seam.js";
import { type Buffer, type Device, DTYPE_BYTES, type Float } from "./device.js";
import { type ArenaLayout, layoutOf } from "./layout.js";
import type { Precision } from "./precision.js";
import type { TrainingArenas } from "./update.js";

/** Numbers written at a time where nothing was given. */
const PIECE_FLOATS = 1 << 20;

export class ParameterArenas {
  readonly layout: ArenaLayout;
  readonly weights: Buffer;
  /** Float32 weights that the others are the rounding of; null where there are none. */
  readonly master: Buffer | null;
  readonly #device: Device;
  readonly #table: readonly Parameter[];
  readonly #precision: Precision;
  #training: TrainingArenas | null = null;
  #loaded = false;

  /** @throws UserError when memory is short. */
  constructor(device: Device, table: readonly Parameter[], precision: Precision) {
    this.#device = device;
    this.#table = table;
    this.#precision = precision;
    this.layout = layoutOf(table);
    const { weights, master } = precision;
    this.weights = this.#allocate({ weight: weights }).weight;
    this.master = master ? this.#allocate({ master: "f32" }).master : null;
  }

  /** Gradient and moments; allocated, as zeros, when first asked for. @throws UserError when memory is short. */
  get training(): TrainingArenas {
    const { gradients, moments } = this.#precision;
    this.#training ??= this.#allocate({ gradient: gradients, moment1: moments, moment2: moments });
    return this.#training;
  }

  /** Bytes of all arenas that exist. */
  get bytes(): number {
    const { gradient, moment1, moment2 } = this.#training ?? {};
    const all = [this.weights, this.master, gradient, moment1, moment2];
    return all.reduce((sum, arena) => sum + (arena == null ? 0 : arena.size * DTYPE_BYTES[arena.dtype]), 0);
  }

  /** @throws Error before weights are loaded. */
  checkLoaded(): void {
    if (!this.#loaded) throw new Error("there are no weights yet");
  }

  /** Replaces weights and moments; absent moments become zero. @throws Error as `Engine.load`. */
  async load(tensors: Iterable<EngineTensor | TensorSource>): Promise<void> {
    const given = checkedTensors(this.#table, tensors);
    this.#loaded = false;
    for (const tensor of given)
      for await (const { start, values } of placedPieces(tensor))
        this.#write(tensor.kind, tensor.name, { start, values });
    this.#clearMoments(given);
    this.#loaded = true;
  }

  /** Those that were not given. Where there are none of the others either, nothing is allocated. */
  #clearMoments(given: readonly TensorSource[]): void {
    if (this.#training === null) return;
    const zeros = new Float32Array(PIECE_FLOATS);
    const present = new Set(given.map(({ kind, name }) => `${kind} ${name}`));
    for (const kind of ["moment1", "moment2"] as const)
      for (const { name, shape } of this.#table.filter(({ name }) => !present.has(`${kind} ${name}`)))
        for (let start = 0; start < sizeOf(shape); start += PIECE_FLOATS)
          this.#write(kind, name, { start, values: zeros.subarray(0, Math.min(PIECE_FLOATS, sizeOf(shape) - start)) });
  }

  #write(kind: TensorKind, name: string, { start, values }: PlacedPiece): void {
    for (const arena of this.#arenasOf(kind)) {
      const place = this.#placeOf(name).start + start;
      this.#device.write(this.#device.view(arena, `${kind} ${name}`, place, [values.length]), values);
    }
  }

  /** The tensors of some kinds in the table's order, in the types that they are kept in. */
  outgoing(kinds: readonly TensorKind[]): OutgoingSpec[] {
    const { weights, master, gradients, moments } = this.#precision;
    const types = {
      weight: master ? "f32" : weights,
      gradient: gradients,
      moment1: moments,
      moment2: moments,
    } as const;
    return kinds.flatMap((kind) =>
      this.#table.map(({ name, shape }) => ({ name, kind, shape, dtype: types[kind] === "bf16" ? "BF16" : "F32" })),
    );
  }

  /**
   * Fills arrays with what is in the arenas; with zeros for what training has not made yet. Programs may run meanwhile, but for those that
   * write what is being read; the event loop turns.
   * @param gradient whether there is one.
   */
  reader(gradient: boolean): (part: Part, into: Piece) => Promise<void> {
    return async ({ kind, name, start }, into) => {
      await nextTurn();
      if (kind !== "weight" && (this.#training === null || (kind === "gradient" && !gradient)))
        return void into.fill(0);
      const [arena] = this.#arenasOf(kind);
      const place = this.#placeOf(name).start + start;
      await this.#device.readInto(this.#device.view(arena, `${kind} ${name}`, place, [into.length]), into);
    };
  }

  /** Where the tensors of a kind are; the most precise first. */
  #arenasOf(kind: TensorKind): readonly [Buffer, ...Buffer[]] {
    if (kind !== "weight") return [this.training[kind]];
    return this.master === null ? [this.weights] : [this.master, this.weights];
  }

  #placeOf(name: string) {
    const place = this.layout.places.get(name);
    if (place === undefined) throw new Error(`${name} is not in the parameter table`);
    return place;
  }

  #allocate<Name extends string>(types: Readonly<Record<Name, Float>>): Readonly<Record<Name, Buffer>> {
    const specs = Object.entries<Float>(types).map(([name, dtype]) => ({ name, shape: [this.layout.size], dtype }));
    return Object.fromEntries(this.#device.allocate(specs)) as Record<Name, Buffer>;
  }
}
