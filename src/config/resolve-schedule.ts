/**
 * A stage's learning-rate schedule in steps and rates. Defaults: the first stage warms up over 1 % of its steps, later ones not at all;
 * warm-up starts from 0; the lowest rate is a tenth of the peak (for `infinite`, of the constant rate).
 *
 * Warm-up is rounded up to whole steps and what follows down (to at least one), so that lengths that fit as shares fit as steps.
 */
import type { Rational } from "../base/rational.js";
import type { DecayForm, ScheduleSpec } from "./plan.js";
import type { Duration } from "./quantities.js";
import type { ScheduleSource } from "./schema-stages.js";

/** What a schedule needs to know of its stage. */
export interface StageFrame {
  readonly steps: number;
  readonly tokensPerStep: number;
  /** Rate that the stage before ends with; null in the first stage. */
  readonly previous: number | null;
}

const FIRST_WARM_UP = 0.01;

/** A duration in steps, not rounded. */
export function exactSteps(duration: Duration, frame: StageFrame): number {
  switch (duration.unit) {
    case "steps":
      return duration.steps;
    case "tokens":
      return duration.tokens / frame.tokensPerStep;
    case "share":
      return (duration.share.numerator * frame.steps) / duration.share.denominator;
  }
}

/** The schedule in steps; `previous` stands for 0 where there is no stage before (a problem told by `check-schedule.ts`). */
export function resolveSchedule(source: ScheduleSource, frame: StageFrame): ScheduleSpec {
  const rateOf = (rate: number | "previous"): number => (rate === "previous" ? (frame.previous ?? 0) : rate);
  const piece = (given: { form: DecayForm; length: Duration }): { form: DecayForm; steps: number } => {
    const steps = exactSteps(given.length, frame);
    return { form: given.form, steps: steps === 0 ? 0 : Math.max(1, Math.floor(steps)) };
  };
  const peak = rateOf(source.peak);
  const ofPeak = (rate: number | Rational): number =>
    typeof rate === "number" ? rate : (peak * rate.numerator) / rate.denominator;
  const warm = (later: number) => warmUp(source, frame, later, rateOf, peak);
  switch (source.kind) {
    case "constant":
      return { kind: source.kind, ...warm(0) };
    case "linear":
    case "cosine":
      return { kind: source.kind, ...warm(1), min: source.min === null ? peak / 10 : ofPeak(source.min) };
    case "wsd": {
      const decay = piece(source.decay);
      return {
        kind: source.kind,
        ...warm(decay.steps),
        min: source.min === null ? peak / 10 : ofPeak(source.min),
        decay,
      };
    }
    case "infinite": {
      const cooldown = piece(source.cooldown);
      const anneal = source.anneal === null ? { form: "exponential" as const, steps: 0 } : piece(source.anneal);
      const constant = ofPeak(source.constant);
      return {
        kind: source.kind,
        ...warm(cooldown.steps + anneal.steps),
        constant,
        cooldown,
        min: source.min === null ? constant / 10 : ofPeak(source.min),
        anneal,
      };
    }
  }
}

/** @param later steps that the rest of the schedule needs; a default warm-up leaves them free. */
function warmUp(
  source: ScheduleSource,
  frame: StageFrame,
  later: number,
  rateOf: (rate: number | "previous") => number,
  peak: number,
): { warmup: number; start: number; peak: number } {
  const standard = frame.previous === null ? Math.ceil(frame.steps * FIRST_WARM_UP) : 0;
  const warmup =
    source.warmup === null
      ? Math.max(0, Math.min(standard, frame.steps - later))
      : Math.ceil(exactSteps(source.warmup, frame));
  return { warmup, start: warmup === 0 ? peak : rateOf(source.start ?? 0), peak };
}

/** The rate that a schedule ends with. */
export function finalRate(spec: ScheduleSpec): number {
  switch (spec.kind) {
    case "constant":
      return spec.peak;
    case "linear":
    case "cosine":
      return spec.min;
    case "wsd":
      return spec.decay.steps > 0 ? spec.min : spec.peak;
    case "infinite":
      return spec.anneal.steps > 0 ? spec.min : spec.constant;
  }
}
