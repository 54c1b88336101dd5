/**
 * The parameters of a kernel, read from its text: the driver takes what it is given, so a launch with a wrong argument would only be
 * noticed by its results.
 */
import type { Argument } from "./launch.js";

export type ParameterKind = "pointer" | "i32" | "i64" | "f32";

export interface Parameter {
  readonly name: string;
  /** Null for a type that this reader does not know, such as a constant of the compilation: then any argument will do. */
  readonly kind: ParameterKind | null;
}

const KINDS: ReadonlyMap<string, ParameterKind> = new Map([
  ...["int", "unsigned", "unsigned int", "int32_t", "uint32_t"].map((type) => [type, "i32"] as const),
  ...["long long", "unsigned long long", "long", "unsigned long", "size_t", "int64_t", "uint64_t"].map(
    (type) => [type, "i64"] as const,
  ),
  ["float", "f32"],
]);

/**
 * The parameters of `extern "C" __global__ void name(...)` in a kernel's file; several lists where the preprocessor chooses one.
 * @throws Error when there is no such function.
 */
export function signaturesOf(file: string, text: string, name: string): readonly (readonly Parameter[])[] {
  const bare = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, " ");
  const head = new RegExp(`\\b__global__\\b[^;{}]*?\\b${name}\\s*\\(([^)]*)\\)`, "g");
  const found = [...bare.matchAll(head)].map(([, list]) => parametersOf(list));
  if (found.length === 0) throw new Error(`${file} has no kernel ${name}`);
  return found;
}

function parametersOf(list: string): Parameter[] {
  if (list.trim() === "" || list.trim() === "void") return [];
  return list.split(",").map((text) => {
    const words = text.replace(/\b(const|volatile|__restrict__|__grid_constant__)\b/g, " ").trim();
    const name = /(\w+)\s*$/.exec(words)?.[1] ?? words;
    const type = words
      .slice(0, words.length - name.length)
      .replace(/\s+/g, " ")
      .trim();
    return { name, kind: type.includes("*") ? "pointer" : (KINDS.get(type) ?? null) };
  });
}

export function kindOf(argument: Argument): ParameterKind {
  if ("pointer" in argument) return "pointer";
  if ("i32" in argument) return "i32";
  return "i64" in argument ? "i64" : "f32";
}

/** @throws Error that names the kernel and the first argument that does not fit. */
export function checkArguments(
  kernel: string,
  signatures: readonly (readonly Parameter[])[],
  args: readonly Argument[],
): void {
  const problems = signatures.map((parameters) => problemOf(parameters, args));
  if (problems.every((problem) => problem !== null)) throw new Error(`${kernel} ${problems[0]}`);
}

function problemOf(parameters: readonly Parameter[], args: readonly Argument[]): string | null {
  if (parameters.length !== args.length)
    return `takes ${parameters.length} arguments (${parameters.map(({ name }) => name).join(", ")}), not ${args.length}`;
  const wrong = parameters.findIndex(({ kind }, index) => kind !== null && kind !== kindOf(args[index]));
  if (wrong < 0) return null;
  return `takes ${parameters[wrong].kind} as argument ${wrong + 1} (${parameters[wrong].name}), not ${kindOf(args[wrong])}`;
}
