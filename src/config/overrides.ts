/** `--set path=value`: changes of a plan on the command line, made before it is validated. */
import { UserError } from "../base/errors.js";
import { parseYaml } from "./document.js";
import { type PlanPath, parsePath, pathText } from "./plan-path.js";
import { type PlanProblems, shown } from "./problems.js";

/** The error of one override, before its place is added. */
class OverrideError extends Error {
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/**
 * Applies overrides in order to a copy of `value`; the value is YAML, and an empty one removes the key. Sections on the way are made.
 * @param places receives, by the text of its path, the argument that set each place.
 */
export function applyOverrides(
  value: unknown,
  overrides: readonly string[],
  problems: PlanProblems,
  places: Map<string, string>,
): unknown {
  const root: { plan: unknown } = { plan: structuredClone(value ?? {}) };
  for (const argument of overrides)
    try {
      const { path, given } = parseOverride(argument);
      for (const made of assign(root, ["plan", ...path], given)) places.set(pathText(made.slice(1)), argument);
    } catch (error) {
      if (!(error instanceof OverrideError)) throw error;
      problems.addOverride(argument, {
        what: error.message,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  return root.plan;
}

function parseOverride(argument: string): { readonly path: PlanPath; readonly given: unknown } {
  const equals = argument.indexOf("=");
  const path = equals < 0 ? null : parsePath(argument.slice(0, equals).trim());
  if (path === null) throw new OverrideError("this is not of the form path=value", "such as stages[0].tokens=1M");
  if (path.includes("__proto__")) throw new OverrideError("`__proto__` cannot be a key");
  try {
    return { path, given: parseYaml(argument.slice(equals + 1), "value").value };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new OverrideError(`the value cannot be read: ${error.problems[0]?.what ?? error.message}`);
  }
}

/** Sets, or for undefined removes, a place; returns the paths that are new because of it. */
function assign(root: object, path: PlanPath, given: unknown): PlanPath[] {
  const made: PlanPath[] = [];
  let container: object = root;
  for (let depth = 0; depth < path.length - 1; depth++) {
    const step = stepInto(container, path, depth);
    let next: unknown = Object.hasOwn(container, step) ? Reflect.get(container, step) : undefined;
    if ((next === undefined || next === null) && typeof path[depth + 1] === "string") {
      next = {};
      Reflect.set(container, step, next);
      made.push(path.slice(0, depth + 1));
    }
    if (next === null || typeof next !== "object") throw new OverrideError(notA(path, depth + 1, next));
    container = next;
  }
  const last = stepInto(container, path, path.length - 1);
  if (given !== undefined) Reflect.set(container, last, given);
  else if (Array.isArray(container)) throw new OverrideError("an item of a list cannot be removed");
  else Reflect.deleteProperty(container, last);
  return [...made, path];
}

/** The key or position at `depth`, checked against what it is taken of. */
function stepInto(container: object, path: PlanPath, depth: number): string | number {
  const step = path[depth] ?? "";
  if (Array.isArray(container) !== (typeof step === "number")) throw new OverrideError(notA(path, depth, container));
  if (Array.isArray(container) && typeof step === "number" && step >= container.length)
    throw new OverrideError(`there is no \`${pathText(path.slice(1, depth + 1))}\`: the list has ${container.length}`);
  return step;
}

function notA(path: PlanPath, depth: number, value: unknown): string {
  const kind = typeof path[depth] === "number" ? "list" : "section";
  const name = depth === 1 ? "the plan" : `\`${pathText(path.slice(1, depth))}\``;
  return `${name} is not a ${kind} but ${shown(value)}`;
}
