/**
 * The ledger: what was read of every domain, and how much of it in every stage. A plain value that goes into log lines, checkpoints and
 * reports, and from which a new plan goes on without repeating or losing a window.
 */
import { type Problem, UserError } from "../base/errors.js";
import type { Segment } from "./epoch.js";
import type { DomainCursor } from "./windows.js";

export interface DomainLedger {
  /** Of the domain's data; a cursor is good for these alone. */
  readonly fingerprint: string;
  /** The order's seed when the domain was first read. It keeps it, so that a new plan's seed cannot shuffle an epoch that has begun. */
  readonly seed: number;
  /** Targets read, over all epochs; what fills up a row of whole documents is none. */
  readonly tokens: number;
  /** Epochs read, with the part of the one that has begun. */
  readonly epochs: number;
  readonly cursor: DomainCursor;
}

export interface StageLedger {
  readonly name: string;
  readonly steps: number;
  /** Targets read of each domain of the stage's mixture. */
  readonly tokens: Readonly<Record<string, number>>;
}

export interface Ledger {
  /** By domain's name. */
  readonly domains: Readonly<Record<string, DomainLedger>>;
  /** In order of training; a stage that a new plan goes on with has one entry for each plan. */
  readonly stages: readonly StageLedger[];
}

/** A domain's entry, or null. */
export function domainLedger(ledger: Ledger, name: string): DomainLedger | null {
  return Object.hasOwn(ledger.domains, name) ? ledger.domains[name] : null;
}

/** Reads a ledger from parsed JSON; unknown keys are left out. @throws UserError that names the place where the shape is wrong. */
export function parseLedger(value: unknown): Ledger {
  const ledger = fields(value, "ledger");
  return {
    domains: mapValues(ledger["domains"], "ledger.domains", parseDomain),
    stages: items(ledger["stages"], "ledger.stages", (stage, where) => {
      const { name, steps, tokens } = fields(stage, where);
      return {
        name: text(name, `${where}.name`),
        steps: count(steps, `${where}.steps`),
        tokens: mapValues(tokens, `${where}.tokens`, count),
      };
    }),
  };
}

function parseDomain(value: unknown, where: string): DomainLedger {
  const { fingerprint, seed, tokens, epochs, cursor } = fields(value, where);
  if (typeof epochs !== "number" || !(epochs >= 0)) throw damaged(`${where}.epochs`, "a number from 0", epochs);
  const { epoch, documents = "cut", segments } = fields(cursor, `${where}.cursor`);
  if (documents !== "cut" && documents !== "whole")
    throw damaged(`${where}.cursor.documents`, '"cut" or "whole"', documents);
  return {
    fingerprint: text(fingerprint, `${where}.fingerprint`),
    seed: count(seed, `${where}.seed`),
    tokens: count(tokens, `${where}.tokens`),
    epochs,
    cursor: {
      epoch: count(epoch, `${where}.cursor.epoch`),
      documents,
      segments: items(segments, `${where}.cursor.segments`, parseSegment),
    },
  };
}

function parseSegment(value: unknown, where: string): Segment {
  const { windowTokens, windows } = fields(value, where);
  return {
    windowTokens: positive(windowTokens, `${where}.windowTokens`),
    windows: positive(windows, `${where}.windows`),
  };
}

function fields(value: unknown, where: string): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw damaged(where, "an object", value);
  return { ...value };
}

function mapValues<Item>(
  value: unknown,
  where: string,
  parse: (item: unknown, where: string) => Item,
): Record<string, Item> {
  return Object.fromEntries(
    Object.entries(fields(value, where)).map(([key, item]) => [key, parse(item, `${where}.${key}`)]),
  );
}

function items<Item>(value: unknown, where: string, parse: (item: unknown, where: string) => Item): Item[] {
  if (!Array.isArray(value)) throw damaged(where, "a list", value);
  return value.map((item: unknown, index) => parse(item, `${where}[${index}]`));
}

function text(value: unknown, where: string): string {
  if (typeof value !== "string" || value === "") throw damaged(where, "a text", value);
  return value;
}

function count(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw damaged(where, "a whole number from 0", value);
  return value;
}

function positive(value: unknown, where: string): number {
  if (count(value, where) === 0) throw damaged(where, "a whole number from 1", value);
  return count(value, where);
}

function damaged(where: string, expected: string, got: unknown): UserError {
  const problem: Problem = {
    what: "the ledger is damaged",
    where,
    expected,
    got: JSON.stringify(got) ?? "nothing",
    hint: "go on from another checkpoint",
  };
  return new UserError(problem);
}
