/** Constants and struct layouts are compared by the C compiler: one static assertion each. */

export interface StructLayout {
  readonly bytes: number;
  readonly offsets?: Readonly<Record<string, number>>;
}

export interface Tables {
  readonly prototypes: Readonly<Record<string, string>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly structs: Readonly<Record<string, StructLayout>>;
}

/** A C file that compiles if, and only if, the tables are right. */
export function assertionsOf(includes: readonly string[], { constants, structs }: Tables): string {
  const assert = (condition: string, what: string): string => `_Static_assert(${condition}, "${what}");`;
  return [
    "#include <stddef.h>",
    ...includes.map((header) => `#include <${header}>`),
    ...Object.entries(constants).map(([name, value]) =>
      assert(`(long long)(${name}) == ${value}LL`, `${name} is not ${value}`),
    ),
    ...Object.entries(structs).flatMap(([name, { bytes, offsets = {} }]) => [
      assert(`sizeof(${name}) == ${bytes}`, `${name} has not ${bytes} bytes`),
      ...Object.entries(offsets).map(([field, offset]) =>
        assert(`offsetof(${name}, ${field}) == ${offset}`, `${name}.${field} is not at ${offset}`),
      ),
    ]),
    "",
  ].join("\n");
}

/** gcc's second complaint about a name that it does not know. */
const AFTER_UNKNOWN = /expression in static assertion is not/;

/** The compiler's complaints in a few words; every line with `error` counts. */
export function complaintsOf(log: string): string[] {
  return log
    .split("\n")
    .filter((line) => /\berror:/.test(line) && !AFTER_UNKNOWN.test(line))
    .map((line) => {
      const failed = /static assertion failed: "(.*)"/.exec(line);
      const unknown = /['‘](\w+)['’] undeclared|unknown type name ['‘](\w+)['’]/.exec(line);
      if (failed !== null) return failed[1];
      return unknown === null ? line.trim() : `${unknown[1] ?? unknown[2]}: the header has no such name`;
    });
}
