/** Which buffers the backward pass does without: the least recomputation whose memory fits, or the one that was asked for. */
import { UserError } from "../../base/errors.js";
import { formatBytes } from "../../base/format.js";
import { RECOMPUTATIONS, type Recomputation } from "./activations.js";

export interface RecomputationRequest {
  readonly asked: "auto" | Recomputation;
  /** Bytes that there are. */
  readonly limit: number;
  /** Where the limit comes from, such as `engine.memory`. */
  readonly limitedBy: string;
}

export interface RecomputationChoice {
  readonly recomputation: Recomputation;
  /** Bytes with it. */
  readonly bytes: number;
  readonly limit: number;
  readonly limitedBy: string;
  /** False when there is too little memory for what was asked, or for every mode. */
  readonly fits: boolean;
  /** Bytes of every mode, least recomputation first. */
  readonly modes: readonly { readonly recomputation: Recomputation; readonly bytes: number }[];
  /** One sentence. */
  readonly why: string;
}

/** What each mode costs, for the sentence. */
const COSTS: Readonly<Record<Recomputation, string>> = {
  none: "nothing is computed twice",
  "block-parts": "norms, projections and the gate are computed twice",
  layer: "every layer's forward pass is computed twice",
};

/** @param bytesOf the peak in each mode. */
export function chooseRecomputation(
  bytesOf: (recomputation: Recomputation) => number,
  { asked, limit, limitedBy }: RecomputationRequest,
): RecomputationChoice {
  const modes = RECOMPUTATIONS.map((recomputation) => ({ recomputation, bytes: bytesOf(recomputation) }));
  const least = modes.reduce((one, other) => (other.bytes < one.bytes ? other : one));
  const wanted = modes.find(({ recomputation, bytes }) =>
    asked === "auto" ? bytes <= limit : recomputation === asked,
  );
  const { recomputation, bytes } = wanted ?? least;
  const fits = bytes <= limit;
  const before = modes.slice(0, RECOMPUTATIONS.indexOf(recomputation));
  const reason =
    asked !== "auto"
      ? "as asked for"
      : before.length === 0
        ? `${formatBytes(bytes)} of ${formatBytes(limit)} (${limitedBy})`
        : `${before.map((mode) => `${mode.recomputation} would need ${formatBytes(mode.bytes)}`).join(", ")} of ${formatBytes(limit)} (${limitedBy})`;
  return {
    ...{ recomputation, bytes, limit, limitedBy, fits, modes },
    why: `recomputation ${recomputation}: ${reason}; ${COSTS[recomputation]}`,
  };
}

/** What to tell a user whose model does not fit. @param where the plan's key, or the option that the size came from. */
export function shortageOf(
  { recomputation, bytes, limit, limitedBy, modes }: RecomputationChoice,
  where: string,
): UserError {
  const others = modes.filter((mode) => mode.recomputation !== recomputation && mode.bytes <= limit);
  return new UserError({
    what: "there is not enough memory for this model and micro-batch",
    where,
    expected: `${formatBytes(bytes)} with recomputation ${recomputation} (${modes.map((mode) => `${mode.recomputation} ${formatBytes(mode.bytes)}`).join(", ")})`,
    got: `${formatBytes(limit)} (${limitedBy})`,
    hint:
      others.length > 0
        ? `set \`engine.recomputation: auto\`, which would take ${others[0].recomputation}`
        : "use fewer rows (`engine.microBatchRows`), a shorter `sequenceLength` or a smaller model",
  });
}
