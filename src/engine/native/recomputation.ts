/**
 * How a run fits into memory: what the backward pass does without, and what the optimizer keeps. The first mode that fits, or what was asked.
 *
 * Precisions come before recomputations: computing again costs up to a third more time but not a bit of the result, while an optimizer in
 * bf16 costs no time but rounds. So everything that keeps the numbers is tried first: 16 bytes a parameter with none, block-parts and layer, then 8
 * bytes with none, block-parts and layer.
 */
import { UserError } from "../../base/errors.js";
import { formatBytes } from "../../base/format.js";
import { RECOMPUTATIONS, type Recomputation } from "./activations.js";
import { ASKED, type PrecisionName, type PrecisionRequest } from "./precision.js";

export interface MemoryMode {
  readonly precision: PrecisionName;
  readonly recomputation: Recomputation;
}

export interface RecomputationRequest {
  readonly asked: "auto" | Recomputation;
  /** Precisions that may be chosen, best first; by default fp32. */
  readonly precisions?: readonly [PrecisionName, ...PrecisionName[]];
  /** Bytes that there are. */
  readonly limit: number;
  /** Where the limit comes from, such as `engine.memory`. */
  readonly limitedBy: string;
}

export interface RecomputationChoice extends MemoryMode {
  /** Bytes with it. */
  readonly bytes: number;
  readonly limit: number;
  readonly limitedBy: string;
  /** False when there is too little memory for what was asked, or for every mode. */
  readonly fits: boolean;
  /** Bytes of every mode, in the order in which they are tried. */
  readonly modes: readonly (MemoryMode & { readonly bytes: number })[];
  /** One sentence. */
  readonly why: string;
}

/** What each mode costs, for the sentence. */
const COSTS: Readonly<Record<Recomputation, string>> = {
  none: "nothing is computed twice",
  "block-parts": "norms, projections and the gate are computed twice",
  layer: "every layer's forward pass is computed twice",
};

/** Of weights, gradient and optimizer; nothing to say where there is only one. */
const OPTIMIZERS: Readonly<Record<PrecisionName, string | null>> = {
  fp32: null,
  bf16: "16 bytes a parameter",
  "bf16-lean": "8 bytes a parameter",
};

/** @param bytesOf the peak in each mode. */
export function chooseRecomputation(
  bytesOf: (recomputation: Recomputation, precision: PrecisionName) => number,
  { asked, precisions = ["fp32"], limit, limitedBy }: RecomputationRequest,
): RecomputationChoice {
  const modes = precisions.flatMap((precision) =>
    RECOMPUTATIONS.map((recomputation) => ({
      ...{ precision, recomputation },
      bytes: bytesOf(recomputation, precision),
    })),
  );
  const allowed = modes.filter(({ recomputation }) => asked === "auto" || recomputation === asked);
  const least = allowed.reduce((one, other) => (other.bytes < one.bytes ? other : one));
  const chosen = allowed.find(({ bytes }) => bytes <= limit) ?? least;
  const { recomputation, bytes } = chosen;
  const before = allowed.slice(0, allowed.indexOf(chosen));
  const room = `${formatBytes(limit)} (${limitedBy})`;
  const reason =
    before.length > 0
      ? `${before.map((mode) => `${nameOf(mode)} would need ${formatBytes(mode.bytes)}`).join(", ")} of ${room}`
      : asked === "auto"
        ? `${formatBytes(bytes)} of ${room}`
        : "as asked for";
  const optimizer = OPTIMIZERS[chosen.precision];
  return {
    ...chosen,
    ...{ limit, limitedBy, fits: bytes <= limit, modes },
    why: `${optimizer === null ? "" : `${optimizer}, `}recomputation ${recomputation}: ${reason}; ${COSTS[recomputation]}`,
  };
}

/** How to ask an engine for what was chosen. */
export function answerOf(
  choice: RecomputationChoice | null,
): Partial<PrecisionRequest> & { recomputation?: Recomputation } {
  return choice === null ? {} : { recomputation: choice.recomputation, ...ASKED[choice.precision] };
}

/** What to tell a user whose model does not fit. @param where the plan's key, or the option that the size came from. */
export function shortageOf(choice: RecomputationChoice, where: string): UserError {
  const { recomputation, precision, bytes, limit, limitedBy, modes } = choice;
  const other = modes.find((mode) => mode.bytes <= limit);
  const optimizer = OPTIMIZERS[precision];
  return new UserError({
    what: "there is not enough memory for this model and micro-batch",
    where,
    expected: `${formatBytes(bytes)} with ${optimizer === null ? "" : `${optimizer} and `}recomputation ${recomputation} (${modes.map((mode) => `${nameOf(mode)} ${formatBytes(mode.bytes)}`).join(", ")})`,
    got: `${formatBytes(limit)} (${limitedBy})`,
    hint:
      other !== undefined
        ? `set \`engine.recomputation: auto\`, which would take ${nameOf(other)}`
        : "use fewer rows (`engine.microBatchRows`), a shorter `sequenceLength` or a smaller model",
  });
}

/** Short, such as `layer` or `16 bytes/layer`. */
function nameOf({ precision, recomputation }: MemoryMode): string {
  const optimizer = OPTIMIZERS[precision];
  return optimizer === null ? recomputation : `${optimizer.split(" a ")[0]}/${recomputation}`;
}
