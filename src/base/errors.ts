/**
 * The two kinds of failure: a `UserError` is something its reader can fix and never shows a stack; anything else is our bug and keeps
 * its stack and cause.
 */

/** One thing that is wrong with what the user gave. */
export interface Problem {
  /** What is wrong, as a short sentence without a full stop. */
  readonly what: string;
  /** Where: `plan.yaml:12`, `stages[1].mixture`, a file, a row. */
  readonly where?: string;
  readonly expected?: string;
  readonly got?: string;
  /** The likely cause or the next command to run. */
  readonly hint?: string;
}

/** A failure that the user can fix. Carries every problem found, not just the first; the command line turns it into exit code 2. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly problems: readonly Problem[];

  constructor(problems: Problem | readonly Problem[], options?: ErrorOptions) {
    const list: readonly Problem[] = Array.isArray(problems) ? problems : [problems as Problem];
    super(list.map(formatProblem).join("\n"), options);
    this.problems = list;
  }
}

/** One problem as indented lines: `where: what`, then expected, got and hint where known. */
export function formatProblem(problem: Problem): string {
  const lines = [problem.where === undefined ? problem.what : `${problem.where}: ${problem.what}`];
  if (problem.expected !== undefined) lines.push(`  expected: ${problem.expected}`);
  if (problem.got !== undefined) lines.push(`  got: ${problem.got}`);
  if (problem.hint !== undefined) lines.push(`  hint: ${problem.hint}`);
  return lines.join("\n");
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's error code (`ENOENT`, `ENOSPC`), or null where there is none. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
