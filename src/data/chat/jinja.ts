/**
 * The Jinja interpreter, made safe and made Python's. A chat template is a program that came with a model: here it runs for a bounded number of
 * steps over values of bounded size, so that the same template fails in the same place on every machine. Where the library departs from
 * Python without saying so (`strip` with an argument, equality of lists and objects, how values are printed), Python's meaning is put back.
 */
import * as jinja from "@huggingface/jinja";
import {
  equalInPython,
  isPythonString,
  printPython,
  type RuntimeValue,
  stripPython,
  titlePython,
} from "./jinja-python.js";

interface Statement {
  readonly type: string;
}

interface Environment {
  /** @throws SyntaxError when the name is taken. */
  set(name: string, value: unknown): RuntimeValue;
}

interface Interpreter {
  run(program: Statement): RuntimeValue;
  evaluate(statement: Statement | undefined, environment: Environment): RuntimeValue;
  evaluateBlock(statements: readonly Statement[], environment: Environment): RuntimeValue;
}

/** What we use of the package, whose own declarations import without file extensions: TypeScript sees `any` there. */
interface Library {
  readonly Environment: new () => Environment;
  readonly Interpreter: new (environment: Environment) => Interpreter;
  tokenize(source: string, options: { readonly lstrip_blocks: boolean; readonly trim_blocks: boolean }): unknown;
  parse(tokens: unknown): Statement;
}

const library: Library = jinja;

/** A template that can be rendered. */
export type Program = Statement;

/** Far above what a conversation of a million tokens takes: some hundred steps a message. */
const MAX_STEPS = 10_000_000;
const MAX_CHARACTERS = 2 ** 24;
const MAX_ITEMS = 2 ** 17;
const MAX_RANGE = 100_000;
/** Characters or items that count as a step, since making them takes time. */
const SIZE_OF_STEP = 64;
/** Steps that a turn of a loop counts as, beside those inside: the library builds a scope and a dozen values. */
const STEPS_OF_TURN = 10;

/** @throws Error with the library's message when the text is not a template. */
export function parseTemplate(text: string): Program {
  // What Hugging Face sets, too.
  return library.parse(library.tokenize(text, { lstrip_blocks: true, trim_blocks: true }));
}

/** @throws Error with the template's own message, the library's, or that of a limit. */
export function runTemplate(
  program: Program,
  variables: Readonly<Record<string, unknown>>,
  maxSteps = MAX_STEPS,
): string {
  const environment = new library.Environment();
  const globals = {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    range,
    raise_exception,
  };
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
  return String(new BoundedInterpreter(environment, maxSteps).run(program).value);
}

function raise_exception(message: unknown): never {
  throw new Error(String(message));
}

function range(...given: readonly unknown[]): number[] {
  const whole = given.filter((bound): bound is number => Number.isInteger(bound));
  if (whole.length !== given.length || given.length < 1 || given.length > 3)
    throw new Error("range takes one to three whole numbers");
  const [start, stop, step = 1] = whole.length === 1 ? [0, whole[0]] : whole;
  const length = step === 0 ? Number.NaN : Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_RANGE)) throw new Error(`a range of more than ${MAX_RANGE} numbers, or with a step of 0`);
  return Array.from({ length }, (_, at) => start + at * step);
}

interface MethodCall extends Statement {
  readonly callee: {
    readonly type: string;
    readonly computed: boolean;
    readonly object: Statement;
    readonly property: { readonly value: unknown };
  };
  readonly args: readonly Statement[];
}

interface Filter extends Statement {
  readonly operand: Statement;
  readonly filter: { readonly type: string; readonly value?: unknown };
}

interface Loop extends Statement {
  readonly iterable: Statement & { readonly lhs?: Statement };
}

interface Binary extends Statement {
  readonly operator: { readonly value: unknown };
  readonly left: Statement;
  readonly right: Statement;
}

const STRIPS = new Set<unknown>(["strip", "lstrip", "rstrip"]);
/** Statements give a null that is not printed. */
const SILENT = new Set(["Set", "Macro", "Comment"]);

class BoundedInterpreter extends library.Interpreter {
  private steps = 0;

  constructor(
    environment: Environment,
    private readonly maxSteps: number,
  ) {
    super(environment);
  }

  override evaluate(statement: Statement | undefined, environment: Environment): RuntimeValue {
    if (statement?.type === "For") this.countTurns(statement as Loop, environment);
    const result = this.asPython(statement, environment) ?? super.evaluate(statement, environment);
    this.count(1 + Math.floor(sizeOf(result) / SIZE_OF_STEP));
    return result;
  }

  private count(steps: number): void {
    this.steps += steps;
    if (this.steps > this.maxSteps) throw new Error(`the template runs for more than ${this.maxSteps} steps`);
  }

  /** The library opens the scopes of all turns before the first. */
  private countTurns({ iterable }: Loop, environment: Environment): void {
    const items = iterable.type === "SelectExpression" ? iterable.lhs : iterable;
    this.count(STEPS_OF_TURN * sizeOf(this.evaluate(items, environment)));
  }

  override evaluateBlock(statements: readonly Statement[], environment: Environment): RuntimeValue {
    let text = "";
    for (const statement of statements) {
      const value = this.evaluate(statement, environment);
      if (!SILENT.has(statement.type)) text += printPython(value);
    }
    return this.text(text, environment);
  }

  /** The value of an expression that the library gets wrong; null: it does not. */
  private asPython(statement: Statement | undefined, environment: Environment): RuntimeValue | null {
    if (statement?.type === "CallExpression") return this.callText(statement as MethodCall, environment);
    if (statement?.type === "BinaryExpression") return this.compare(statement as Binary, environment);
    if (statement?.type === "FilterExpression") return this.trim(statement as Filter, environment);
    return null;
  }

  private compare({ operator, left, right }: Binary, environment: Environment): RuntimeValue | null {
    if (operator.value !== "==" && operator.value !== "!=") return null;
    const equal = equalInPython(this.evaluate(left, environment), this.evaluate(right, environment));
    const name: Statement & { readonly value: string } = {
      type: "Identifier",
      value: equal === (operator.value === "==") ? "true" : "false",
    };
    return super.evaluate(name, environment);
  }

  private callText({ callee, args }: MethodCall, environment: Environment): RuntimeValue | null {
    const method = callee.property?.value;
    if (callee.type !== "MemberExpression" || callee.computed || !(STRIPS.has(method) || method === "title"))
      return null;
    const text = this.evaluate(callee.object, environment);
    if (!isPythonString(text)) return null;
    if (method === "title") return this.text(titlePython(text.value), environment);
    const [characters] = args.map((argument) => this.evaluate(argument, environment));
    const strip = { left: method !== "rstrip", right: method !== "lstrip" };
    return this.text(
      stripPython(text.value, characters && isPythonString(characters) ? characters.value : null, strip),
      environment,
    );
  }

  private trim({ operand, filter }: Filter, environment: Environment): RuntimeValue | null {
    if (filter.type !== "Identifier" || filter.value !== "trim") return null;
    const text = this.evaluate(operand, environment);
    return isPythonString(text)
      ? this.text(stripPython(text.value, null, { left: true, right: true }), environment)
      : null;
  }

  private text(value: string, environment: Environment): RuntimeValue {
    const literal: Statement & { readonly value: string } = { type: "StringLiteral", value };
    return super.evaluate(literal, environment);
  }
}

/** @throws Error when the value is too large. */
function sizeOf({ value }: RuntimeValue): number {
  if (typeof value === "string" && value.length > MAX_CHARACTERS)
    throw new Error(`the template makes a text of more than ${MAX_CHARACTERS} characters`);
  if (Array.isArray(value) && value.length > MAX_ITEMS)
    throw new Error(`the template makes a list of more than ${MAX_ITEMS} items`);
  return typeof value === "string" || Array.isArray(value) ? value.length : 0;
}
