/**
 * Bytes that the native engine allocates, buffer by buffer, from the tables that it allocates by: a sum, not an estimate.
 * What a device needs for itself (packed panels of a product, a thread's scratch) and sessions come on top.
 */
import type { Architecture } from "../../model/architecture.js";
import type { BatchSize } from "../../model/costs.js";
import { type Parameter, parameterTable } from "../../model/parameters.js";
import { type Kind, planActivations, RECOMPUTATIONS, type Recomputation } from "./activations.js";
import { SCALARS } from "./device.js";
import { layoutOf } from "./layout.js";

/** Both dtypes of a device. */
const ELEMENT_BYTES = 4;

export interface NativeMemory {
  readonly weights: number;
  /** Zero in evaluation, as are the moments. */
  readonly gradients: number;
  readonly moments: number;
  /** Activations, tokens and the numbers of a step. */
  readonly activations: number;
  readonly total: number;
  /** Bytes of each row of the activations table, over all layers, largest first. */
  readonly buffers: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * What a run holds at its peak: training on batches of `batch` (of this size or smaller), or evaluation alone.
 * Evaluation between training steps fits into the same memory when its batches are no larger.
 */
export function nativeMemory(
  architecture: Architecture,
  batch: BatchSize,
  kind: Kind,
  table: readonly Parameter[] = parameterTable(architecture),
): NativeMemory {
  const weights = ELEMENT_BYTES * layoutOf(table).size;
  const { buffers, elements } = planActivations(architecture, batch, kind);
  const numbers = SCALARS.length + 1;
  const activations = ELEMENT_BYTES * (elements.f32 + elements.i32 + numbers);
  const gradients = kind === "evaluation" ? 0 : weights;
  const moments = 2 * gradients;
  const byName = new Map<string, number>();
  for (const { name, elements: size } of buffers) byName.set(name, (byName.get(name) ?? 0) + ELEMENT_BYTES * size);
  return {
    weights,
    gradients,
    moments,
    activations,
    total: weights + gradients + moments + activations,
    buffers: [...byName].map(([name, bytes]) => ({ name, bytes })).sort((one, other) => other.bytes - one.bytes),
  };
}

/** The mode that computes least again and fits into `bytes`; null when none does. */
export function leastRecomputation(architecture: Architecture, batch: BatchSize, bytes: number): Recomputation | null {
  const table = parameterTable(architecture);
  return RECOMPUTATIONS.find((kind) => nativeMemory(architecture, batch, kind, table).total <= bytes) ?? null;
}
