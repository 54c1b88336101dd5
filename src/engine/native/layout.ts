/**
 * Where every parameter lives in one arena of float32 values. Weights, gradients and both moments are arenas of this one layout.
 *
 * Parameters that decay come first and the others after them, so that AdamW is two launches. Matrices that are multiplied with the same
 * input (q, k, v; gate, up) and the biases of q, k, v lie side by side, so that one product makes all of them. The parameter table names
 * them next to each other, so its order, parted by decay, is already right; only the gaps for alignment must not fall inside such a group.
 */
import { type Shape, sizeOf } from "../../base/dims.js";
import type { Parameter } from "../../model/parameters.js";

/** Every group starts at a multiple of this many elements: a cache line. Gaps hold zeros, which no operation changes. */
export const ALIGNMENT = 16;

export interface Place {
  /** First element. */
  readonly start: number;
  readonly shape: Shape;
}

export interface ArenaLayout {
  /** By parameter name. */
  readonly places: ReadonlyMap<string, Place>;
  /** Elements of the range whose parameters decay, [0, decaying); the rest is [decaying, size). */
  readonly decaying: number;
  /** Elements of an arena, with gaps. */
  readonly size: number;
}

/** Parameters that follow the one before them without a gap. */
const JOINED = /\.(k_proj|v_proj|up_proj)\./;

/** The layout of a parameter table. */
export function layoutOf(table: readonly Parameter[]): ArenaLayout {
  const places = new Map<string, Place>();
  let end = 0;
  const placeAll = (parameters: readonly Parameter[]): number => {
    for (const { name, shape } of parameters) {
      const start = JOINED.test(name) ? end : align(end);
      places.set(name, { start, shape });
      end = start + sizeOf(shape);
    }
    end = align(end);
    return end;
  };
  const decaying = placeAll(table.filter(({ decays }) => decays));
  const size = placeAll(table.filter(({ decays }) => !decays));
  return { places, decaying, size };
}

/** The next multiple of `ALIGNMENT`. */
export function align(elements: number): number {
  return Math.ceil(elements / ALIGNMENT) * ALIGNMENT;
}

/**
 * Parameters that lie side by side as one, stacked along their first axis.
 * @throws Error when they do not, or when one is not in the table.
 */
export function spanOf({ places }: ArenaLayout, names: readonly string[]): Place {
  const members = names.map((name) => {
    const place = places.get(name);
    if (place === undefined) throw new Error(`${name} is not in the parameter table`);
    return place;
  });
  const [{ start, shape }] = members;
  let end = start;
  let rows = 0;
  for (const member of members) {
    if (member.start !== end) throw new Error(`${names.join(", ")} do not lie side by side`);
    end += sizeOf(member.shape);
    rows += member.shape[0];
  }
  return { start, shape: [rows, ...shape.slice(1)] };
}
