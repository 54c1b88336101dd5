/**
 * Typed fields of a parsed JSON object that somebody else wrote (`config.json`), with every problem collected instead of the first thrown.
 */
import type { Problem } from "../base/errors.js";

/** Null counts as absent. A field that cannot be read gives NaN or false and a problem: look at `problems` before using what was read. */
export class Fields {
  readonly record: Readonly<Record<string, unknown>>;
  readonly problems: Problem[];
  readonly #where: string;
  readonly #prefix: string;

  constructor(record: Readonly<Record<string, unknown>>, where: string, prefix = "", problems: Problem[] = []) {
    this.record = record;
    this.problems = problems;
    this.#where = where;
    this.#prefix = prefix;
  }

  has(name: string): boolean {
    return (this.record[name] ?? null) !== null;
  }

  /** A nested object, or an empty one; its problems are added to this one's. */
  nested(name: string): Fields {
    const value = this.record[name] ?? {};
    if (!isRecord(value)) this.report(name, "must be an object");
    return new Fields(isRecord(value) ? value : {}, this.#where, `${this.#prefix}${name}.`, this.problems);
  }

  number(name: string, absent?: number): number {
    const value = this.record[name] ?? absent;
    if (typeof value === "number") return value;
    this.report(name, this.has(name) ? "must be a number" : "is missing");
    return Number.NaN;
  }

  count(name: string, absent?: number): number {
    const value = this.number(name, absent);
    const asked = this.has(name) && typeof this.record[name] === "number";
    if (asked && !(Number.isSafeInteger(value) && value > 0)) this.report(name, "must be a positive whole number");
    return value;
  }

  flag(name: string, absent = false): boolean {
    const value = this.record[name] ?? absent;
    if (typeof value === "boolean") return value;
    this.report(name, "must be true or false");
    return false;
  }

  refuseOthers(known: readonly string[]): void {
    for (const name of Object.keys(this.record))
      if (this.has(name) && !known.includes(name)) this.report(name, "is not known and may change the mathematics");
  }

  report(name: string, what: string, expected?: string, got?: string): void {
    const value = got ?? JSON.stringify(this.record[name]);
    this.problems.push({
      what: `${this.#prefix}${name} ${what}`,
      where: this.#where,
      ...(expected === undefined ? {} : { expected }),
      ...(value === undefined ? {} : { got: value }),
    });
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
