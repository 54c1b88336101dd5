/** Turns what zod found wrong into problems with our words, place and near miss. */
import { z } from "zod";
import { nearest } from "./nearest.js";
import { type PlanPath, pathText } from "./plan-path.js";
import { nearMiss, oneOf, type PlanProblems, shown } from "./problems.js";
import { isRecord, kindOf, memberOf, members, schemaAt, schemaKeys } from "./schema-walk.js";

type Issue = z.core.$ZodIssue;

/**
 * Adds a problem for every issue; a key that is missing because it was mistyped is one problem, not two.
 * @returns the places, as text, of the keys that mistyped ones probably meant.
 */
export function addIssues(
  problems: PlanProblems,
  schema: z.ZodType,
  value: unknown,
  issues: readonly Issue[],
): Set<string> {
  const meant = new Set<string>();
  const placed = issues.map((issue) => ({ issue, path: plainPath(issue.path) }));
  for (const { issue, path } of placed)
    if (issue.code === "unrecognized_keys")
      for (const key of issue.keys) {
        const near = addUnknownKey(problems, schema, value, path, key);
        if (near !== null) meant.add(pathText([...path, near]));
      }
  for (const { issue, path } of placed) {
    const got = valueAt(value, path);
    const told = got === undefined && meant.has(pathText(path));
    if (issue.code !== "unrecognized_keys" && !told) addWrongValue(problems, issue, path, got);
  }
  return meant;
}

function plainPath(path: readonly PropertyKey[]): PlanPath {
  return path.map((step) => (typeof step === "number" ? step : String(step)));
}

function valueAt(value: unknown, path: PlanPath): unknown {
  let current = value;
  for (const step of path) {
    if (current === null || typeof current !== "object" || !Object.hasOwn(current, step)) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
}

function addWrongValue(problems: PlanProblems, issue: Issue, path: PlanPath, value: unknown): void {
  const { expected, names } = expectation(issue);
  const last = path.at(-1) ?? "the plan";
  const absent = typeof last === "number" ? "this item is empty" : `\`${last}\` is missing`;
  if (value === undefined) problems.add(path, { what: absent, expected });
  else if (issue.code === "invalid_key") problems.add(path, { what: `the name \`${last}\` cannot be used`, expected });
  else
    problems.add(path, { what: "this value cannot be used", expected, got: shown(value), ...nearMiss(value, names) });
}

/** What an issue expected, in words, and the words to compare a mistyped one with. */
function expectation(issue: Issue): { readonly expected: string; readonly names: readonly string[] } {
  if (issue.code === "invalid_value") return { expected: issue.message, names: issue.values.map(String) };
  if (issue.code === "invalid_key") return { expected: issue.issues[0]?.message ?? issue.message, names: [] };
  if (issue.code === "invalid_union" && "options" in issue && issue.options !== undefined)
    return { expected: oneOf(issue.options), names: issue.options.map(String) };
  return { expected: issue.message, names: [] };
}

/** Adds the problem of one unknown key; returns the key that was probably meant. */
function addUnknownKey(
  problems: PlanProblems,
  schema: z.ZodType,
  value: unknown,
  path: PlanPath,
  key: string,
): string | null {
  const place = schemaAt(schema, path, value);
  const union = place instanceof z.ZodDiscriminatedUnion ? place : null;
  const section = union === null ? place : memberOf(union, valueAt(value, path));
  const known = section instanceof z.ZodObject ? Object.keys(section.shape) : [];
  const problem = { what: `unknown key \`${key}\``, expected: oneOf(known) };
  const owners = union === null ? [] : members(union).filter((member) => Object.hasOwn(member.shape, key));
  if (owners.length > 0) {
    const kinds = owners.map((owner) => `\`kind: ${String(kindOf(owner))}\``).join(" and ");
    problems.add([...path, key], { ...problem, hint: `\`${key}\` belongs to ${kinds}` });
    return null;
  }
  const written = valueAt(value, path);
  const absent = known.filter((each) => !(isRecord(written) && Object.hasOwn(written, each)));
  const near = nearest(key, absent) ?? nearest(key, known);
  const elsewhere = schemaKeys(schema).find((each) => each.path.split(".").at(-1) === key);
  if (near !== null) problems.add([...path, key], { ...problem, hint: `did you mean \`${near}\`?` });
  else if (elsewhere !== undefined)
    problems.add([...path, key], { ...problem, hint: `there is a key \`${elsewhere.path}\`` });
  else problems.add([...path, key], problem);
  return near;
}
