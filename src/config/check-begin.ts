/** Rules about how a run begins. */
import type { Draft } from "./draft.js";
import type { PlanProblems } from "./problems.js";
import type { PlanSource } from "./schema.js";

/** @param model `model.from`; undefined where it is wrong. */
export function checkBegin(
  begin: Draft<PlanSource["begin"]>,
  model: string | null | undefined,
  problems: PlanProblems,
): void {
  if (begin === undefined || begin === null || begin.from === undefined || begin.mode === undefined) return;
  if (begin.mode === "scratch" && begin.from !== null)
    problems.add(["begin", "from"], { what: "a run from random weights begins from nothing", hint: "remove `from`" });
  if (begin.mode !== "scratch" && begin.from === null && model === null)
    problems.add(["begin", "from"], {
      what: "`from` is missing",
      expected: "the folder of a checkpoint or of a Hugging Face model",
    });
}
