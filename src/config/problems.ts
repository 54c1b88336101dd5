/** Gathers all that is wrong with a plan, each with its place: `plan.yaml:12 stages[1].mixture.agent` or `--set run=…`. */
import { type Problem, UserError } from "../base/errors.js";
import { nearest } from "./nearest.js";
import { type PlanPath, pathText } from "./plan-path.js";

/** Where the parts of a value came from. */
export interface Origin {
  /** Such as `configs/quickstart.yaml`. */
  readonly name: string;
  /** Line of each place, by the text of its path. */
  readonly lines: ReadonlyMap<string, number>;
  /** `--set` argument that set each place, by the text of its path. */
  readonly overrides: ReadonlyMap<string, string>;
}

/** More than anyone reads at once; a file with more is no plan. */
const PROBLEM_LIMIT = 100;

export class PlanProblems {
  private readonly found: { readonly line: number; readonly problem: Problem }[] = [];
  private readonly seen = new Set<string>();

  constructor(private readonly origin: Origin) {}

  get count(): number {
    return this.found.length;
  }

  /** Adds a problem at a place; the place of a missing key is its parent's line. */
  add(path: PlanPath, problem: Omit<Problem, "where">): void {
    const { line, where } = this.locate(path);
    this.addAt(line, { ...problem, where });
  }

  /** Adds a problem of an override as such. */
  addOverride(argument: string, problem: Omit<Problem, "where">): void {
    this.addAt(Number.POSITIVE_INFINITY, { ...problem, where: overrideText(argument) });
  }

  /** @throws UserError with every problem, in the order of the file's lines. */
  throwIfAny(options?: ErrorOptions): void {
    if (this.found.length === 0) return;
    const sorted = this.found.toSorted((a, b) => (a.line === b.line ? 0 : a.line - b.line)).map((each) => each.problem);
    const more = sorted.length - PROBLEM_LIMIT;
    const last = more > 0 ? [{ what: `and ${more} more problems`, where: this.origin.name }] : [];
    throw new UserError([...sorted.slice(0, PROBLEM_LIMIT), ...last], options);
  }

  private addAt(line: number, problem: Problem): void {
    const key = JSON.stringify(problem);
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.found.push({ line, problem });
  }

  private locate(path: PlanPath): { line: number; where: string } {
    const text = pathText(path);
    const prefixes = path.map((_, depth) => pathText(path.slice(0, path.length - depth))).concat("");
    const overridden = prefixes.find((prefix) => this.origin.overrides.has(prefix));
    if (overridden !== undefined) {
      const argument = overrideText(this.origin.overrides.get(overridden) ?? "");
      return { line: Number.POSITIVE_INFINITY, where: overridden === text ? argument : `${argument} ${text}` };
    }
    const line = prefixes.map((prefix) => this.origin.lines.get(prefix)).find((found) => found !== undefined);
    const file = line === undefined ? this.origin.name : `${this.origin.name}:${line}`;
    return { line: line ?? 0, where: text === "" ? file : `${file} ${text}` };
  }
}

function overrideText(argument: string): string {
  return `--set ${shorten(argument)}`;
}

const SHOWN = 60;

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}

/** A value as the user would recognise it, on one line. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return shorten(JSON.stringify(value));
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value);
    return keys.length === 0
      ? "an empty section"
      : shorten(`a section with ${keys.map((key) => `\`${key}\``).join(", ")}`);
  }
  return String(value);
}

/** Names that a message lists before it gives up. */
const LISTED = 20;

/** `one of` some names, in backquotes. */
export function oneOf(names: readonly unknown[]): string {
  const listed = names.slice(0, LISTED).map((name) => `\`${String(name)}\``);
  return `one of ${listed.join(", ")}${names.length > LISTED ? ` and ${names.length - LISTED} more` : ""}`;
}

/** `{ hint: "did you mean …?" }` when a known name is near. */
export function nearMiss(name: unknown, known: readonly string[]): { hint?: string } {
  const near = typeof name === "string" ? nearest(name, known) : null;
  return near === null ? {} : { hint: `did you mean \`${near}\`?` };
}
