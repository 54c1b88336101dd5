/**
 * What the architecture checker enforces, in one place: the order of folders, the doors of dependencies and the budgets.
 * A path here is relative to `src/`; one that ends in `/` means everything below it.
 */

/**
 * The import order: a file imports only from entries above its own, and inside an entry without a ring.
 * A file belongs to the longest entry that matches; one that matches none is a violation.
 */
export const ORDER: readonly string[] = [
  "base/",
  "config/",
  "corpus/",
  "data/tokenizer/",
  "data/chat/",
  "data/shards/",
  "data/prepare/",
  "data/",
  "corpus/forge/",
  "model/",
  "engine/engine.ts",
  "engine/copy-out.ts",
  "engine/seam.ts",
  "engine/tfjs/",
  "engine/native/cuda/ffi/",
  "engine/native/device.ts",
  "engine/native/kernel-cache.ts",
  "engine/native/call.ts",
  "engine/native/indices.ts",
  "engine/native/operations.ts",
  "engine/native/traffic.ts",
  "engine/native/usage.ts",
  "engine/native/cpu/",
  "engine/native/cuda/",
  "engine/native/",
  "engine/select.ts",
  "optim/",
  "checkpoint/",
  "eval/",
  "bench/",
  "export/",
  "train/",
  "train.ts",
  "mixlaw/",
  "watch/",
  "commands/",
  "launch.ts",
  "cli/",
  "cli.ts",
];

export interface Door {
  /** Package or `node:` module; one that ends in `/` means a whole scope. */
  readonly dependency: string;
  /** Paths that may import it; a trailing `*` stands for any rest of the path. */
  readonly through: readonly string[];
}

/** A third-party package without a door is a violation; Node's own modules are free unless they are named here. */
export const DOORS: readonly Door[] = [
  { dependency: "zod", through: ["config/"] },
  { dependency: "yaml", through: ["config/", "corpus/sources/openapi/document.ts"] },
  { dependency: "apache-arrow", through: ["data/shards/"] },
  { dependency: "@huggingface/jinja", through: ["data/chat/jinja.ts"] },
  { dependency: "@huggingface/tokenizers", through: ["data/tokenizer/tokenizer.ts"] },
  { dependency: "picomatch", through: ["corpus/forge/globs.ts"] },
  { dependency: "hyparquet", through: ["corpus/"] },
  { dependency: "hyparquet-compressors", through: ["corpus/"] },
  { dependency: "fzstd", through: ["corpus/read/zstandard.ts"] },
  { dependency: "eld", through: ["corpus/rules/language.ts"] },
  { dependency: "@tensorflow/", through: ["engine/tfjs/"] },
  { dependency: "koffi", through: ["engine/native/cuda/ffi/", "engine/native/cpu/ffi.ts", "engine/native/cpu/ffi/"] },
  { dependency: "pino", through: ["base/report*"] },
  { dependency: "commander", through: ["cli.ts", "cli/"] },
  { dependency: "node:http", through: ["watch/"] },
  { dependency: "node:https", through: ["watch/"] },
];

/** Members of `process` that only the outermost files touch, so that everything else can be called from a test. */
export const PROCESS_MEMBERS: ReadonlySet<string> = new Set(["env", "exit", "exitCode"]);
export const PROCESS_DOORS: readonly string[] = ["cli.ts", "launch.ts"];

/** Words that say nothing about what is inside. A name is split at everything that is not a letter. */
export const FORBIDDEN_WORDS: ReadonlySet<string> = new Set([
  ...["util", "utils", "helper", "helpers", "common", "misc", "manager"],
]);
export const FORBIDDEN_FILES: ReadonlySet<string> = new Set(["index.ts"]);

export const BUDGETS = {
  fileLines: 300,
  nativeFileLines: 400,
  medianLines: 120,
  functionLines: 40,
  narrativeLines: 120,
  /** Lines of tests per line of source. */
  testShare: 0.8,
} as const;

/** Functions that are read from top to bottom like a page: commands, the training loop, the decoder's forward and backward. */
export const NARRATIVE: readonly { readonly file: string; readonly functions: readonly string[] | "all" }[] = [
  { file: "train.ts", functions: ["train"] },
  { file: "commands/", functions: "all" },
  { file: "engine/tfjs/decoder.ts", functions: ["forward"] },
  { file: "engine/native/forward.ts", functions: ["forward"] },
  { file: "engine/native/backward.ts", functions: ["backward"] },
];

/** Raw bindings may bend the type system; nothing else may. */
export function isRawBinding(path: string): boolean {
  return path.includes("/ffi/") || path.endsWith("/ffi.ts");
}

/** Whether a path lies in an entry of this page: a file, a folder with `/`, or a beginning with `*`. */
export function matches(path: string, entry: string): boolean {
  if (entry.endsWith("*")) return path.startsWith(entry.slice(0, -1));
  return entry.endsWith("/") ? path.startsWith(entry) : path === entry;
}
