/**
 * Learning-rate schedules as pure functions of the step: a schedule is a list of phases, each going from one rate to another.
 *
 * Step convention: steps count from 0 within the stage, and a phase of n steps reaches its end at its LAST step: its i-th step (from 0)
 * has done the share x = (i + 1)/n. So the first step of a warm-up of w steps uses start + (peak − start)/w and its last uses peak, and
 * the last step of a decaying stage uses min. It is Megatron-LM's `num_steps` and PyTorch's `LambdaLR` index, one step later: no step is
 * lost on a rate of exactly `start`.
 *
 * Sources: linear warm-up and cosine, Loshchilov and Hutter, arXiv 1608.03983, as re-warm and re-decay in Ibrahim et al., arXiv 2403.08763;
 * WSD, Hu et al. (MiniCPM), arXiv 2404.06395; 1-sqrt, Hägele et al., arXiv 2405.18392; infinite, Ibrahim et al. and Singh et al.,
 * arXiv 2503.02844.
 */
import type { DecayForm, ScheduleSpec } from "../config/plan.js";

interface Phase {
  readonly steps: number;
  readonly from: number;
  readonly to: number;
  readonly form: DecayForm;
}

/**
 * The learning rate of a step.
 * @param step number of the step within its stage, from 0.
 * @param steps length of the stage.
 * @throws RangeError when the step is outside the stage or the phases are longer than it.
 */
export function learningRateAt(spec: ScheduleSpec, step: number, steps: number): number {
  if (!Number.isSafeInteger(step) || step < 0 || step >= steps)
    throw new RangeError(`step ${step} is outside a stage of ${steps} steps`);
  let start = 0;
  for (const phase of phasesOf(spec, steps)) {
    if (step < start + phase.steps) return rateWithin(phase, (step - start + 1) / phase.steps);
    start += phase.steps;
  }
  throw new RangeError(`the schedule ends at step ${start} of a stage of ${steps} steps`);
}

/**
 * The share of a fall that is still to come when the share x of its steps is done: 1 at x = 0, 0 at x = 1.
 * The four forms of Megatron-LM (`megatron/core/optimizer_param_scheduler.py`): its exponential halves 1 + coefficient per unit of x and
 * thus reaches a minimum of 0, which the geometric (min/peak)^x of arXiv 2503.02844 cannot.
 */
export function decayCoefficient(form: DecayForm, x: number): number {
  switch (form) {
    case "linear":
      return 1 - x;
    case "cosine":
      return 0.5 * (1 + Math.cos(Math.PI * x));
    case "exponential":
      return 2 * 0.5 ** x - 1;
    case "1-sqrt":
      return 1 - Math.sqrt(x);
  }
}

function phasesOf(spec: ScheduleSpec, steps: number): Phase[] {
  const { warmup, start, peak } = spec;
  const warm: Phase = { steps: warmup, from: start, to: peak, form: "linear" };
  const rest = steps - warmup;
  switch (spec.kind) {
    case "constant":
      return fitted([warm, held(peak, rest)], steps);
    case "linear":
    case "cosine":
      return fitted([warm, { steps: rest, from: peak, to: spec.min, form: spec.kind }], steps);
    case "wsd":
      return fitted([warm, held(peak, rest - spec.decay.steps), { ...spec.decay, from: peak, to: spec.min }], steps);
    case "infinite": {
      const { cooldown, anneal, constant, min } = spec;
      const cooling: Phase = { ...cooldown, from: peak, to: constant };
      const annealing: Phase = { ...anneal, from: constant, to: min };
      return fitted([warm, cooling, held(constant, rest - cooldown.steps - anneal.steps), annealing], steps);
    }
  }
}

function held(rate: number, steps: number): Phase {
  return { steps, from: rate, to: rate, form: "linear" };
}

function fitted(phases: Phase[], steps: number): Phase[] {
  if (phases.some((phase) => phase.steps < 0))
    throw new RangeError(`the phases of this schedule are longer than its stage of ${steps} steps`);
  return phases;
}

function rateWithin({ from, to, form }: Phase, x: number): number {
  return to + decayCoefficient(form, x) * (from - to);
}
