/** Programming languages by the ends of file names; named as GitHub's Linguist names them. */

const EXTENSIONS: Readonly<Record<string, readonly string[]>> = {
  "C#": ["cs"],
  "C++": ["cc", "cpp", "cxx", "hpp", "hh"],
  C: ["c", "h"],
  CSS: ["css"],
  Clojure: ["clj", "cljs"],
  Cuda: ["cu", "cuh"],
  Dart: ["dart"],
  Elixir: ["ex", "exs"],
  Erlang: ["erl"],
  Go: ["go"],
  GraphQL: ["graphql", "gql"],
  HTML: ["html", "htm"],
  Haskell: ["hs"],
  Java: ["java"],
  JavaScript: ["js", "mjs", "cjs", "jsx"],
  Julia: ["jl"],
  Kotlin: ["kt", "kts"],
  Lua: ["lua"],
  OCaml: ["ml", "mli"],
  PHP: ["php"],
  Perl: ["pl", "pm"],
  "Protocol Buffer": ["proto"],
  Python: ["py", "pyi"],
  R: ["r"],
  Ruby: ["rb"],
  Rust: ["rs"],
  SQL: ["sql"],
  Scala: ["scala"],
  Shell: ["sh", "bash", "zsh"],
  Swift: ["swift"],
  TypeScript: ["ts", "mts", "cts", "tsx"],
  Zig: ["zig"],
};

const BY_EXTENSION: ReadonlyMap<string, string> = new Map(
  Object.entries(EXTENSIONS).flatMap(([language, extensions]) => extensions.map((extension) => [extension, language])),
);

/** The language of a file, or null where its name does not say. */
export function languageOf(path: string): string | null {
  return BY_EXTENSION.get(/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "") ?? null;
}
