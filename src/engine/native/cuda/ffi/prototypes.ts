/**
 * Makes callable, typed functions of a table of C prototypes: the same text is read by koffi, by the type checker (the types below) and by
 * `scripts/check-bindings.ts`, which compares it with the vendor's headers.
 *
 * A prototype is one line of C with basic types: opaque handles and what a function fills are `void *`, enumerations are `int`.
 */
import koffi from "koffi";

/** An address, memory of JavaScript's own for the time of the call, or NULL. */
export type Pointer = bigint | NodeJS.TypedArray | null;

/** C prototypes by function name. */
export type Prototypes = Readonly<Record<string, string>>;

export type Functions<Table extends Prototypes> = { readonly [Name in keyof Table]: CFunction<Table[Name]> };

type CFunction<Text extends string> = Text extends `${infer Head}(${infer Parameters})`
  ? (...values: Values<Parameters>) => Result<Head>
  : never;

type Values<List extends string> = List extends "void"
  ? []
  : List extends `${infer First}, ${infer Rest}`
    ? [Value<First>, ...Values<Rest>]
    : [Value<List>];

type Value<Declaration extends string> = Declaration extends `const char **${string}`
  ? readonly string[] | Pointer
  : Declaration extends `const char *${string}`
    ? string | Pointer
    : Declaration extends `${string}*${string}`
      ? Pointer
      : Declaration extends `${"size_t" | "int64_t" | "uint64_t"} ${string}`
        ? number | bigint
        : number;

/** Wide integers come as numbers where those are exact. */
type Result<Head extends string> = Head extends `const char *${string}`
  ? string | null
  : Head extends `${string}*${string}`
    ? bigint
    : Head extends `${"size_t" | "int64_t" | "uint64_t"} ${string}`
      ? number | bigint
      : Head extends `void ${string}`
        ? undefined
        : number;

/** koffi closes a library that nobody refers to; by path, all that were loaded. */
const loaded = new Map<string, ReturnType<typeof koffi.load>>();

/** @throws Error when this is no library that the system can load, or one that lacks a function of the table. */
export function openFunctions<const Table extends Prototypes>(path: string, prototypes: Table): Functions<Table> {
  const library = loaded.get(path) ?? koffi.load(path);
  loaded.set(path, library);
  const entries = Object.entries(prototypes).map(([name, text]) => [name, library.func(text)] as const);
  return Object.fromEntries(entries) as unknown as Functions<Table>;
}
