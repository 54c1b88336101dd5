/** What a bench runs: a decoder and the batches of its steps, from a plan, a line such as `width=256,layers=6,…`, or a name such as `1.5b,batch=8`. */
import { type Problem, UserError } from "../base/errors.js";
import { nearest } from "../config/nearest.js";
import type { Plan } from "../config/plan.js";
import { parseWhole } from "../config/quantities.js";
import { type Architecture, architectureOf, checkArchitecture, PLAIN_LLAMA } from "../model/architecture.js";
import type { BatchSize } from "../model/costs.js";
import { NAMED_SHAPES, type NamedShape, SHAPE_NAMES } from "./shapes.js";

export interface BenchShape extends BatchSize {
  readonly architecture: Architecture;
  /** Micro-batches of a step. */
  readonly accumulate: number;
}

/** What is measured when nothing else is asked for: small enough for any machine, large enough that products dominate. */
export const DEFAULT_SHAPE = "width=256,layers=6,heads=8,ff=688,vocab=4096,batch=8,length=256";

const REQUIRED = ["width", "layers", "heads", "ff", "vocab", "batch", "length"] as const;
type Required = (typeof REQUIRED)[number];
/** `kv` is the number of key/value heads, `tied=1` makes the head the embedding. */
const OPTIONAL = ["kv", "accumulate", "tied"] as const;
type Optional = (typeof OPTIONAL)[number];
type Key = Required | Optional;
const KEYS: readonly Key[] = [...REQUIRED, ...OPTIONAL];

const WHERE = "--shape";
/** Far above any micro-batch; more would not fit in memory as tokens, let alone as activations. */
const TOKEN_LIMIT = 2 ** 22;

/** @throws UserError with every problem of the line. */
export function parseShape(text: string): BenchShape {
  const problems: Problem[] = [];
  const [named, changed] = splitName(text);
  const values = new Map([...readPairs(named?.sizes ?? null, problems), ...readPairs(changed, problems)]);
  const missing = REQUIRED.filter((key) => !values.has(key));
  if (missing.length > 0)
    problems.push({ what: `missing: ${missing.join(", ")}`, where: WHERE, expected: `such as ${DEFAULT_SHAPE}` });
  const value = (key: Key, absent = 1): number => values.get(key) ?? absent;
  const heads = value("heads");
  const { rows, length } = { rows: value("batch"), length: value("length") };
  problems.push(...relationProblems(values));
  if (problems.length > 0) throw new UserError(problems);
  const architecture: Architecture = {
    width: value("width"),
    layers: value("layers"),
    heads,
    kvHeads: value("kv", heads),
    headWidth: value("width") / heads,
    feedForward: value("ff"),
    vocabulary: value("vocab"),
    maxLength: length,
    tied: value("tied", 0) === 1,
    ...PLAIN_LLAMA,
    ...named?.changes,
  };
  return { architecture: checkArchitecture(architecture, WHERE), rows, length, accumulate: value("accumulate") };
}

/** The first stage's steps. A last micro-batch that would be smaller than the others is left out. */
export function shapeOfPlan(plan: Plan, vocabulary: number): BenchShape {
  const { sequenceLength, rowsPerStep } = plan.stages[0];
  const rows = Math.min(plan.engine.microBatchRows, rowsPerStep);
  return {
    architecture: architectureOf(plan.model, vocabulary),
    rows,
    length: sequenceLength,
    accumulate: Math.floor(rowsPerStep / rows),
  };
}

/** Tokens of one step. */
export function tokensPerStep({ rows, length, accumulate }: BenchShape): number {
  return rows * length * accumulate;
}

/** The shape that a line begins with the name of, and its pairs; null where there is none. */
function splitName(text: string): readonly [named: NamedShape | null, pairs: string | null] {
  const [first = "", ...others] = text.split(",");
  const name = SHAPE_NAMES.find((known) => known === first.trim());
  if (name === undefined) return [null, text];
  return [NAMED_SHAPES[name], others.length === 0 ? null : others.join(",")];
}

/** The known pairs with a usable value; a key with a problem is there too, as NaN, so that it does not count as missing. */
function readPairs(text: string | null, problems: Problem[]): Map<Key, number> {
  const values = new Map<Key, number>();
  for (const pair of text?.split(",") ?? []) {
    const [name = "", written] = pair.split(/=(.*)/s).map((part) => part.trim());
    const key = KEYS.find((known) => known === name);
    if (key === undefined) {
      const near = nearest(name, written === undefined ? SHAPE_NAMES : KEYS);
      const known = `the keys are ${KEYS.join(", ")}; the names ${SHAPE_NAMES.join(", ")}`;
      const hint = near === null ? known : `did you mean ${near}?`;
      const kind = written === undefined ? "shape" : "key";
      problems.push({ what: `there is no ${kind} ${JSON.stringify(name)}`, where: WHERE, hint });
      continue;
    }
    if (values.has(key)) problems.push({ what: `${key} is given twice`, where: WHERE });
    const value = parseWhole(written);
    const fits = value !== null && (key === "tied" ? value <= 1 : value >= 1);
    if (!fits)
      problems.push({ what: `${key} cannot be this`, where: WHERE, expected: expected(key), got: written ?? "" });
    values.set(key, fits ? value : Number.NaN);
  }
  return values;
}

function expected(key: Key): string {
  return key === "tied" ? "0 or 1" : "a whole number of at least 1";
}

/** Comparisons with a missing or wrong value are false, so nothing is said twice. */
function relationProblems(values: ReadonlyMap<Key, number>): Problem[] {
  const value = (key: Key): number => values.get(key) ?? Number.NaN;
  const problems: Problem[] = [];
  if (value("width") % value("heads") > 0)
    problems.push({
      what: "heads must divide width",
      where: WHERE,
      got: `width ${value("width")}, heads ${value("heads")}`,
    });
  if (value("batch") * value("length") > TOKEN_LIMIT)
    problems.push({
      what: "this micro-batch is too large",
      where: WHERE,
      expected: `batch × length of at most ${TOKEN_LIMIT} tokens`,
      got: String(value("batch") * value("length")),
      hint: "use accumulate=… for more tokens a step",
    });
  return problems;
}
