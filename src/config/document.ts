/**
 * A YAML text as a plain value, with the line of every place in it. JSON is YAML too.
 *
 * A key with nothing after it (`begin:` above commented-out lines) is as if it were not written; `null` stays null.
 * Aliases are copied out under a budget, so that neither a cycle nor a billion laughs gets further than an error.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { messageOf, type Problem, UserError } from "../base/errors.js";
import { type PlanPath, pathText } from "./plan-path.js";

export interface PlanDocument {
  /** Undefined when the text is empty. */
  readonly value: unknown;
  /** Line, from 1, of every place, by the text of its path; the whole document is "". */
  readonly lines: ReadonlyMap<string, number>;
}

/** More values than any plan holds, aliases copied out. */
const VALUE_LIMIT = 20_000;
/** Deeper than any plan goes. */
const DEPTH_LIMIT = 32;
/** Problems of one damaged text; what follows is mostly the echo of the first. */
const SYNTAX_PROBLEM_LIMIT = 10;

/** @throws UserError with every syntax error and its line; `name` is what messages call the text. */
export function parseYaml(text: string, name: string): PlanDocument {
  const counter = new LineCounter();
  const document = parseQuietly(text, name, counter);
  const broken = [...document.errors, ...document.warnings].slice(0, SYNTAX_PROBLEM_LIMIT);
  if (broken.length > 0) throw new UserError(broken.map((error) => syntaxProblem(error, text, name, counter)));
  const reader = new Reader(document, counter, name);
  const value = reader.read(document.contents, [], 1);
  return { value, lines: reader.lines };
}

function parseQuietly(text: string, name: string, counter: LineCounter): Document.Parsed {
  try {
    return parseDocument(text, { lineCounter: counter, prettyErrors: false, stringKeys: true, logLevel: "error" });
  } catch (error) {
    // The parser is recursive: thousands of open brackets exhaust the stack.
    throw new UserError(
      { what: "this text cannot be read as YAML", where: name, got: messageOf(error) },
      { cause: error },
    );
  }
}

function syntaxProblem(error: YAMLError, text: string, name: string, counter: LineCounter): Problem {
  const where = `${name}:${counter.linePos(error.pos[0]).line}`;
  const piece = text.slice(error.pos[0], error.pos[1]).split("\n", 1)[0] ?? "";
  switch (error.code) {
    case "DUPLICATE_KEY":
      return { what: `the key \`${keyStart(text, error.pos[0])}\` is written twice`, where, hint: "keep one of them" };
    case "TAB_AS_INDENT":
      return { what: "a tab cannot indent YAML", where, hint: "use spaces" };
    case "TAG_RESOLVE_FAILED":
      return { what: "tags have no meaning in a plan", where, got: piece };
    case "NON_STRING_KEY":
      return { what: "a key must be plain text", where, got: piece };
    case "RESOURCE_EXHAUSTION":
      return { what: "this is nested more deeply than any plan", where };
    case "MULTIPLE_DOCS":
      return { what: "a plan is one YAML document", where, hint: "remove the line `---`" };
    default:
      return { what: `YAML syntax: ${(error.message.split("\n", 1)[0] ?? "").replace(/[.:]$/, "")}`, where };
  }
}

function keyStart(text: string, offset: number): string {
  return /^["']?([^\s:"']*)/.exec(text.slice(offset, offset + 80))?.[1] ?? "";
}

class Reader {
  readonly lines = new Map<string, number>();
  private values = 0;

  constructor(
    private readonly document: Document.Parsed,
    private readonly counter: LineCounter,
    private readonly name: string,
  ) {}

  read(node: ParsedNode | Node | null | undefined, path: PlanPath, line: number): unknown {
    this.lines.set(pathText(path), line);
    if (++this.values > VALUE_LIMIT || path.length > DEPTH_LIMIT) this.refuse("this is larger than any plan", line);
    const target = isAlias(node) ? node.resolve(this.document) : node;
    if (isAlias(node) && target === undefined) this.refuse(`the alias \`*${node.source}\` names nothing`, line);
    if (isMap(target)) return this.readMap(target, path, line);
    if (isSeq(target))
      return target.items.map((item, i) => this.read(asNode(item), [...path, i], this.lineOf(asNode(item), line)));
    return isScalar(target) ? scalarValue(target.value, target.source) : undefined;
  }

  private readMap(map: YAMLMap, path: PlanPath, line: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const { key, value: item } of map.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      const keyLine = this.lineOf(asNode(key), line);
      // An ordinary assignment would set the object's prototype.
      if (name === "__proto__") this.refuse("`__proto__` cannot be a key", keyLine);
      const read = this.read(asNode(item), [...path, name], keyLine);
      if (read !== undefined) value[name] = read;
    }
    return value;
  }

  private lineOf(node: Node | null, otherwise: number): number {
    return node?.range ? this.counter.linePos(node.range[0]).line : otherwise;
  }

  private refuse(what: string, line: number): never {
    throw new UserError({ what, where: `${this.name}:${line}` });
  }
}

function asNode(item: unknown): Node | null {
  return isAlias(item) || isScalar(item) || isMap(item) || isSeq(item) ? item : null;
}

/** A scalar as string, number, boolean or null; undefined when nothing is written. */
function scalarValue(value: unknown, source: string | undefined): unknown {
  if (value === null) return source === undefined || source === "" ? undefined : null;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : source;
}
