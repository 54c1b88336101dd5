/**
 * The arenas that hold a model: weights, and once training begins gradient and moments, all of one layout.
 * A model that is only evaluated never pays for the other three.
 */
import { sizeOf } from "../../base/dims.js";
import type { Parameter } from "../../model/parameters.js";
import type { EngineTensor, TensorKind } from "../engine.js";
import { checkedTensors } from "../seam.js";
import type { Buffer, Device } from "./device.js";
import { type ArenaLayout, layoutOf } from "./layout.js";
import type { TrainingArenas } from "./update.js";

export class ParameterArenas {
  readonly layout: ArenaLayout;
  readonly weights: Buffer;
  readonly #device: Device;
  readonly #table: readonly Parameter[];
  #training: TrainingArenas | null = null;
  #loaded = false;

  /** @throws UserError when memory is short. */
  constructor(device: Device, table: readonly Parameter[]) {
    this.#device = device;
    this.#table = table;
    this.layout = layoutOf(table);
    this.weights = this.#allocate("weight").weight;
  }

  /** Gradient and moments; allocated, as zeros, when first asked for. @throws UserError when memory is short. */
  get training(): TrainingArenas {
    this.#training ??= this.#allocate("gradient", "moment1", "moment2");
    return this.#training;
  }

  /** Elements of all arenas that exist. */
  get elements(): number {
    return this.layout.size * (this.#training === null ? 1 : 4);
  }

  /** @throws Error before weights are loaded. */
  checkLoaded(): void {
    if (!this.#loaded) throw new Error("there are no weights yet");
  }

  /** Replaces weights and moments; absent moments become zero. @throws Error as `checkedTensors`; then nothing has changed. */
  load(tensors: Iterable<EngineTensor>): void {
    const given = checkedTensors(this.#table, tensors);
    const moments = ["moment1", "moment2"] as const;
    const trains =
      this.#training !== null || this.#table.some(({ name }) => moments.some((kind) => given(kind, name) !== null));
    for (const { name, shape } of this.#table)
      for (const kind of trains ? (["weight", ...moments] as const) : (["weight"] as const))
        this.#device.write(this.#view(kind, name), given(kind, name) ?? new Float32Array(sizeOf(shape)));
    this.#loaded = true;
  }

  /** Copies in the table's order; zeros for what training has not made yet. */
  async snapshot(kind: TensorKind): Promise<EngineTensor[]> {
    const tensors: EngineTensor[] = [];
    const isThere = kind === "weight" || this.#training !== null;
    for (const { name, shape } of this.#table) {
      const data = isThere ? await this.#device.read(this.#view(kind, name)) : new Float32Array(sizeOf(shape));
      tensors.push({ name, kind, shape, data });
    }
    return tensors;
  }

  /** Zeros under every name. */
  zeros(kind: TensorKind): EngineTensor[] {
    return this.#table.map(({ name, shape }) => ({ name, kind, shape, data: new Float32Array(sizeOf(shape)) }));
  }

  #view(kind: TensorKind, name: string): Buffer {
    const place = this.layout.places.get(name);
    if (place === undefined) throw new Error(`${name} is not in the parameter table`);
    const arena = kind === "weight" ? this.weights : this.training[kind];
    return this.#device.view(arena, `${kind} ${name}`, place.start, place.shape);
  }

  #allocate<Name extends string>(...names: readonly Name[]): Readonly<Record<Name, Buffer>> {
    const specs = names.map((name) => ({ name, shape: [this.layout.size], dtype: "f32" as const }));
    return Object.fromEntries(this.#device.allocate(specs)) as Record<Name, Buffer>;
  }
}
