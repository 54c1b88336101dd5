/**
 * Bytes that the native engine allocates, buffer by buffer, from the tables that it allocates by: a sum, not an estimate.
 * What a device and the rest of the process need come on top (`footprint.ts`), as do sessions.
 */
import type { Architecture } from "../../model/architecture.js";
import type { BatchSize } from "../../model/costs.js";
import { type Parameter, parameterTable } from "../../model/parameters.js";
import { type ActivationOptions, type Kind, planActivations } from "./activations.js";
import { DTYPE_BYTES, type Dtype, type Float, SCALARS } from "./device.js";
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

/** What numbers are kept in, and how many logits at a time; both as the engine's options. */
export interface NumberOptions {
  readonly precision?: Precision;
  readonly logitBytes?: number;
}

/** One kind of pass that a run makes. */
export interface PlannedPass {
  readonly batch: BatchSize;
  readonly kind: Kind;
}

/** A buffer of one of the tables that the engine asks its device for. */
export interface PlannedAllocation {
  readonly part: keyof Omit<PlannedMemory, "total">;
  readonly bytes: number;
}

/**
 * What a run of several kinds of passes holds at its peak: all share the arenas of activations, which grow to the largest of each. Evaluation
 * between training steps fits into the same memory when its batches are no larger.
 */
export function peakMemory(
  architecture: Architecture,
  passes: readonly PlannedPass[],
  table: readonly Parameter[] = parameterTable(architecture),
  numbers: NumberOptions = {},
): PlannedMemory {
  const memory = { weights: 0, gradients: 0, moments: 0, activations: 0, total: 0 };
  for (const { part, bytes } of plannedTables(architecture, passes, table, numbers).flat()) {
    memory[part] += bytes;
    memory.total += bytes;
  }
  return memory;
}

/** The tables of buffers of the same run, each from one call of `Device.allocate`. */
export function plannedTables(
  architecture: Architecture,
  passes: readonly PlannedPass[],
  table: readonly Parameter[],
  numbers: NumberOptions,
): readonly (readonly PlannedAllocation[])[] {
  const { precision = FP32 } = numbers;
  const { size } = layoutOf(table);
  const arena = (part: PlannedAllocation["part"], type: Float): PlannedAllocation => ({
    ...{ part, bytes: size * DTYPE_BYTES[type] },
  });
  const { weights, gradients, moments, master } = precision;
  const trains = passes.some(({ kind }) => kind !== "evaluation");
  const plans = passes.map(({ batch, kind }) => planActivations(architecture, batch, kind, activationOptions(numbers)));
  const most = (dtype: Dtype): number => DTYPE_BYTES[dtype] * Math.max(0, ...plans.map((plan) => plan.elements[dtype]));
  const activations = (["f32", "bf16", "i32"] as const).map(most).filter((bytes) => bytes > 0);
  return [
    [arena("weights", weights)],
    master ? [arena("weights", "f32")] : [],
    trains ? [arena("gradients", gradients), arena("moments", moments), arena("moments", moments)] : [],
    activations.map((bytes) => ({ part: "activations", bytes })),
    [SCALARS.length, 1].map((count) => ({ part: "activations", bytes: DTYPE_BYTES.f32 * count })),
  ];
}

function activationOptions({ precision = FP32, logitBytes }: NumberOptions): ActivationOptions {
  return { float: precision.activations, ...(logitBytes === undefined ? {} : { logitBytes }) };
}
