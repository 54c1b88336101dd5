/**
 * Copies what the program needs of node_modules: the production dependencies and theirs, without what Node can never load.
 *   npx tsx scripts/bundling/packages.ts PROJECT TARGET [PACKAGE...]
 * With packages, those and what they need instead, such as vitest for a host that is to run the tests. Optional dependencies stay behind (TensorFlow's native addon), but for native libraries of this platform.
 */
import { cpSync, existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";

interface Manifest {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Types only: nothing of them runs. */
const TYPES_ONLY = /^@(types|webgpu)\//;

/** Native libraries that come as optional dependencies, one package for each platform. */
const NATIVE = new Map([
  ["koffi", `@koromix/koffi-${process.platform}-${process.arch}`],
  ["rolldown", `@rolldown/binding-${process.platform}-${process.arch}-gnu`],
]);

/** Never loaded: source maps, declarations, sources in TypeScript and C++, texts but licences; and, at a package's top, tests and the like. */
const DEAD_FILE =
  /\.(map|ts|mts|cts|tsx|flow|md|markdown|cc|cpp|hh|hpp|inc|gyp|gypi|tgz|html|css|png|svg|yml|sh|bat|bazel)$|^(BUILD|WORKSPACE)$/;
const DEAD_FOLDER = /^(tests?|__tests__|docs?|benchmarks?|examples?|\.github|\.vscode|typings|coverage)$/;

/** TensorFlow.js has all that Node loads in one file, `tf-core.node.js` and the like, beside the wasm binaries. */
const NOT_NODES_OWN = /^(?!dist\/(tf-[\w-]+\.node\.js|[\w-]+\.wasm)$)/;

/**
 * Parts of single packages that Node's resolution does not reach: bundles for browsers, old language levels, sources of what is built.
 * Paths are relative to the package; a folder means all below it.
 */
const DEAD_PARTS: Readonly<Record<string, readonly RegExp[]>> = {
  "@tensorflow/tfjs-core": [NOT_NODES_OWN],
  "@tensorflow/tfjs-backend-cpu": [NOT_NODES_OWN],
  "@tensorflow/tfjs-backend-wasm": [NOT_NODES_OWN],
  "apache-arrow": [/^Arrow\.es2015\.min\./, /^(src|bin)\//],
  koffi: [/^(vendor|lib)\//],
  zod: [/^(src|v3|v4-mini|mini)\//],
};

/**
 * Folders of all packages that a project needs at run time, or of those given with what they need, each once.
 * @throws Error for one that is not installed.
 */
export function productionPackages(project: string, roots: readonly string[] = []): string[] {
  const found = new Set<string>();
  const visit = (folder: string, only: readonly string[] = []): void => {
    const { dependencies = {}, name = "" } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
    const native = NATIVE.get(name);
    const needed = [...Object.keys(dependencies), ...(native === undefined ? [] : [native])];
    for (const wanted of only.length > 0 ? only : needed) {
      if (TYPES_ONLY.test(wanted)) continue;
      const target = installed(folder, wanted);
      if (target === null) throw new Error(`${wanted}, which ${name} needs, is not installed; run \`npm ci\` first`);
      if (found.has(target)) continue;
      found.add(target);
      visit(target);
    }
  };
  visit(realpathSync(project), roots);
  return [...found].sort();
}

/** Where Node finds a package from a folder: the nearest node_modules above. */
function installed(from: string, name: string): string | null {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (basename(folder) !== "node_modules" && existsSync(join(candidate, "package.json"))) return candidate;
    if (folder === dirname(folder)) return null;
  }
}

/** Whether a file of a package, by its path with `/`, belongs into a bundle. */
export function isAlive(packageName: string, path: string): boolean {
  const parts = path.split("/");
  const file = parts.at(-1) ?? "";
  if (/^(licen[cs]e|notice|copying)/i.test(file) || file === "package.json") return true;
  if (DEAD_FILE.test(file) || (parts.length > 1 && DEAD_FOLDER.test(parts[0]))) return false;
  return !(DEAD_PARTS[packageName] ?? []).some((dead) => dead.test(path));
}

/** Copies the packages into `target`, in the places where they were below the project. */
export function copyPackages(project: string, target: string, roots: readonly string[] = []): void {
  const root = realpathSync(project);
  for (const folder of productionPackages(project, roots)) {
    const name = folder.slice(folder.lastIndexOf(`${sep}node_modules${sep}`) + `${sep}node_modules${sep}`.length);
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const inside = relative(folder, path).split(sep).join("/");
      if (!entry.isFile() || inside.split("/").includes("node_modules") || !isAlive(name, inside)) continue;
      cpSync(path, join(target, relative(root, path)));
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [project, target, ...roots] = process.argv.slice(2);
  if (project === undefined || target === undefined) throw new Error("usage: packages.ts PROJECT TARGET [PACKAGE...]");
  copyPackages(project, target, roots);
}
