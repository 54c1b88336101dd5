/** Rules between the keys of a stage's `schedule`. Those about rates need only the rates; those about lengths need the whole schedule. */
import { complete, type Draft } from "./draft.js";
import type { ScheduleSpec } from "./plan.js";
import type { PlanPath } from "./plan-path.js";
import type { PlanProblems } from "./problems.js";
import { resolveSchedule, type StageFrame } from "./resolve-schedule.js";
import type { ScheduleSource } from "./schema-stages.js";

/** Undefined: wrong, and its problem is told. Null `previous` in the frame: there is no stage before. */
export function checkSchedule(
  schedule: Draft<ScheduleSource>,
  frame: { steps: number | undefined; tokensPerStep: number | undefined; previous: number | null | undefined },
  path: PlanPath,
  problems: PlanProblems,
): ScheduleSpec | undefined {
  const before = problems.count;
  checkPrevious(schedule, frame.previous, path, problems);
  checkRates(schedule, path, problems);
  const whole = complete<ScheduleSource>(schedule);
  const { steps, tokensPerStep, previous } = frame;
  if (whole === null || steps === undefined || tokensPerStep === undefined || problems.count > before) return undefined;
  const needed = whole.peak === "previous" || whole.start === "previous";
  if (previous === undefined && needed) return undefined;
  const spec = resolveSchedule(whole, { steps, tokensPerStep, previous: previous === undefined ? 0 : previous });
  checkResolved(whole, spec, { steps, tokensPerStep, previous: previous ?? null }, path, problems);
  return problems.count > before ? undefined : spec;
}

function checkPrevious(
  schedule: Draft<ScheduleSource>,
  previous: number | null | undefined,
  path: PlanPath,
  problems: PlanProblems,
): void {
  for (const key of ["peak", "start"] as const) {
    if (schedule?.[key] !== "previous") continue;
    if (previous === null)
      problems.add([...path, key], {
        what: "the first stage has no stage before it",
        hint: "write the rate as a number",
      });
    else if (previous === 0 && key === "peak")
      problems.add([...path, key], {
        what: "the stage before ends with a learning rate of 0",
        hint: "write the peak as a number",
      });
  }
}

/** Rates in the order that they must not rise. */
function checkRates(schedule: Draft<ScheduleSource>, path: PlanPath, problems: PlanProblems): void {
  if (schedule === undefined) return;
  const { peak, start } = schedule;
  const min = "min" in schedule ? schedule.min : undefined;
  const constant = "constant" in schedule ? schedule.constant : undefined;
  const order = (low: string, lowest: unknown, high: string, highest: unknown): void => {
    if (typeof lowest === "number" && typeof highest === "number" && lowest > highest)
      problems.add([...path, low], {
        what: `\`${low}\` is above \`${high}\``,
        got: `${low} ${lowest}, ${high} ${highest}`,
      });
  };
  order("start", start, "peak", peak);
  order("constant", constant, "peak", peak);
  if (schedule.kind === "infinite") order("min", min, "constant", constant);
  else order("min", min, "peak", peak);
}

function checkResolved(
  source: ScheduleSource,
  spec: ScheduleSpec,
  frame: StageFrame,
  path: PlanPath,
  problems: PlanProblems,
): void {
  if (source.start !== null && spec.warmup === 0)
    problems.add([...path, "start"], {
      what: "`start` has no effect without a warm-up",
      hint: "give `warmup` a length, or remove `start`",
    });
  checkResolvedRates(source, spec, path, problems);
  if (source.kind === "infinite" && source.min !== null && source.anneal === null)
    problems.add([...path, "min"], {
      what: "`min` has no effect without `anneal`",
      hint: "give `anneal` a length, or remove `min`",
    });
  for (const [key, steps] of pieces(spec))
    if (steps === 0 && key !== "anneal")
      problems.add([...path, key, "length"], {
        what: `the ${key} has no length`,
        hint: "`kind: constant` stays at the peak",
      });
  const parts = [["warm-up", spec.warmup] as const, ...pieces(spec)];
  const used = parts.reduce((sum, [, steps]) => sum + steps, 0);
  if (used > frame.steps)
    problems.add(path, {
      what: "the schedule's parts are longer than the stage",
      expected: `at most ${frame.steps} steps`,
      got: parts.map(([name, steps]) => `${name} ${steps}`).join(" + "),
    });
  if ((spec.kind === "linear" || spec.kind === "cosine") && used === frame.steps)
    problems.add([...path, "warmup"], {
      what: "the warm-up leaves no steps for the decay",
      expected: `less than ${frame.steps} steps`,
      got: `${used} steps`,
    });
}

/** What only `previous` and shares of the peak can break: the numbers were not known before. */
function checkResolvedRates(source: ScheduleSource, spec: ScheduleSpec, path: PlanPath, problems: PlanProblems): void {
  if ((source.start === "previous" || source.peak === "previous") && spec.start > spec.peak)
    problems.add([...path, "start"], {
      what: "`start` is above `peak`",
      got: `start ${spec.start}, peak ${spec.peak}`,
      hint: "`peak: previous` without `start` goes on from there",
    });
  if (spec.kind === "infinite" && spec.min > spec.constant)
    problems.add([...path, "min"], {
      what: "`min` is above `constant`",
      got: `min ${spec.min}, constant ${spec.constant}`,
    });
  if (source.peak !== "previous") return;
  const low = spec.kind === "infinite" ? spec.constant : "min" in spec ? spec.min : 0;
  if (low > spec.peak)
    problems.add([...path, "peak"], {
      what: "the stage before ends below this stage's lowest rate",
      got: `${spec.peak}, which is below ${low}`,
    });
}

function pieces(spec: ScheduleSpec): (readonly [string, number])[] {
  if (spec.kind === "wsd") return [["decay", spec.decay.steps]];
  if (spec.kind !== "infinite") return [];
  return [
    ["cooldown", spec.cooldown.steps],
    ["anneal", spec.anneal.steps],
  ];
}
