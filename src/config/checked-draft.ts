/** A value against its schema: what is wrong is told, what is valid is given. */
import type { z } from "zod";
import { type Draft, draftOf } from "./draft.js";
import { addIssues } from "./issues.js";
import type { PlanProblems } from "./problems.js";

/** Adds a problem for all that is wrong, and returns the rest. */
export function checkedDraft<S extends z.ZodType>(
  schema: S,
  value: unknown,
  problems: PlanProblems,
): Draft<z.output<S>> {
  const parsed = schema.safeParse(value);
  return draftOf(schema, value, parsed.success ? undefined : addIssues(problems, schema, value, parsed.error.issues));
}
