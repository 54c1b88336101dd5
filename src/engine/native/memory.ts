/**
 * Bytes that the native engine allocates, buffer by buffer, from the tables that it allocates by: a sum, not an estimate.
 * What a device and the rest of the process need come on top (`footprint.ts`), as do sessions.
 */
import type { Architecture } from "../../model/architecture.js";
import type { BatchSize } from "../../model/costs.js";
import { type Parameter, parameterTable } from "../../model/parameters.js";
import { type Kind, planActivations } from "./activations.js";
import { DTYPE_BYTES, SCALARS } from "./device.js";
import { layoutOf } from "./layout.js";
import { FP32, type Precision } from "./precision.js";

export interface PlannedMemory {
  /** With their master copy. */
  readonly weights: number;
  /** Zero in evaluation, as are the moments. */
  readonly gradients: number;
  readonly moments: number;
  /** Activations, tokens and the numbers of a step. */
  readonly activations: number;
  readonly total: number;
}

export interface NativeMemory extends PlannedMemory {
  /** Bytes of each row of the activations table, over all layers, largest first. */
  readonly buffers: readonly { readonly name: string; readonly bytes: number }[];
}

/** One kind of pass that a run makes. */
export interface PlannedPass {
  readonly batch: BatchSize;
  readonly kind: Kind;
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
  precision: Precision = FP32,
): NativeMemory {
  const { buffers } = planActivations(architecture, batch, kind, precision.activations);
  const byName = new Map<string, number>();
  for (const { name, dtype, elements: size } of buffers)
    byName.set(name, (byName.get(name) ?? 0) + DTYPE_BYTES[dtype] * size);
  return {
    ...peakMemory(architecture, [{ batch, kind }], table, precision),
    buffers: [...byName].map(([name, bytes]) => ({ name, bytes })).sort((one, other) => other.bytes - one.bytes),
  };
}

/** What a run of several kinds of passes holds at its peak: all share the arenas of activations, which grow to the largest of each. */
export function peakMemory(
  architecture: Architecture,
  passes: readonly PlannedPass[],
  table: readonly Parameter[] = parameterTable(architecture),
  precision: Precision = FP32,
): PlannedMemory {
  const { size } = layoutOf(table);
  const bytesOf = (type: keyof typeof DTYPE_BYTES): number => size * DTYPE_BYTES[type];
  const arenas = passes.map(
    ({ batch, kind }) => planActivations(architecture, batch, kind, precision.activations).elements,
  );
  const most = (dtype: keyof typeof DTYPE_BYTES): number =>
    DTYPE_BYTES[dtype] * Math.max(0, ...arenas.map((elements) => elements[dtype]));
  const numbers = DTYPE_BYTES.f32 * (SCALARS.length + 1);
  const activations = most("f32") + most("bf16") + most("i32") + numbers;
  const weights = bytesOf(precision.weights) + (precision.master ? bytesOf("f32") : 0);
  const trains = passes.some(({ kind }) => kind !== "evaluation");
  const gradients = trains ? bytesOf(precision.gradients) : 0;
  const moments = trains ? 2 * bytesOf(precision.moments) : 0;
  return { weights, gradients, moments, activations, total: weights + gradients + moments + activations };
}
