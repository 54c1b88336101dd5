/**
 * Finds NVIDIA's libraries: where the user says, where the system's loader looks, in the driver's and the toolkit's folders, in Python
 * packages (`site-packages/nvidia/.../lib`) and in conda. The file system and the environment are parameters.
 */
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { messageOf, UserError } from "../../../../base/errors.js";
import { openFunctions } from "./prototypes.js";

export type LibraryName = "driver" | "nvrtc" | "cublasLt" | "cudnn" | "nvtx";

/** What the search sees of the disk. */
export interface FileView {
  exists(path: string): boolean;
  /** Names in a folder; none where there is no such folder. */
  list(folder: string): readonly string[];
}

/** Where to look, most of it from the environment. */
export interface SearchPlaces {
  /** A file or a folder by library, where the user named one: then nothing else is tried. */
  readonly explicit: Readonly<Partial<Record<LibraryName, string>>>;
  /** Folders of the CUDA toolkit besides the usual ones. */
  readonly toolkits: readonly string[];
  /** Folders of programs; a Python interpreter in one has its packages beside it. */
  readonly programs: readonly string[];
  readonly conda: readonly string[];
  readonly home: string;
}

interface Library {
  readonly title: string;
  /** File name by major version, newest first. */
  readonly files: readonly { readonly file: string; readonly major: number }[];
  /** A library that this one opens by its bare name: loaded before, by its path. Its file name begins so. */
  readonly companion: string | null;
  readonly supplier: string;
}

const LIBRARIES: Readonly<Record<LibraryName, Library>> = {
  driver: {
    title: "the NVIDIA driver",
    files: [{ file: "libcuda.so.1", major: 1 }],
    companion: null,
    supplier:
      "it comes with the NVIDIA driver (is there a card, and does `nvidia-smi` work? A container needs `--gpus all`)",
  },
  nvrtc: {
    title: "NVRTC, the CUDA compiler",
    files: versions("libnvrtc.so", [13, 12]),
    companion: "libnvrtc-builtins.so.",
    supplier: "`pip install nvidia-cuda-nvrtc` (CUDA 13) or `nvidia-cuda-nvrtc-cu12` (CUDA 12) supplies it",
  },
  cublasLt: {
    title: "cuBLASLt",
    files: versions("libcublasLt.so", [13, 12]),
    companion: null,
    supplier: "`pip install nvidia-cublas` (CUDA 13) or `nvidia-cublas-cu12` (CUDA 12) supplies it",
  },
  cudnn: {
    title: "cuDNN",
    files: versions("libcudnn.so", [9]),
    companion: null,
    supplier: "`pip install nvidia-cudnn-cu13` or `nvidia-cudnn-cu12` supplies it",
  },
  nvtx: {
    title: "NVTX, which names stretches of time for a profiler,",
    files: [
      { file: "libnvtx3interop.so.1", major: 13 },
      { file: "libnvToolsExt.so.1", major: 12 },
    ],
    companion: null,
    supplier: "`pip install nvidia-nvtx` (CUDA 13) or `nvidia-nvtx-cu12` (CUDA 12) supplies it",
  },
};

const DRIVER_FOLDERS = [
  ...["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib/wsl/lib"],
  ...["/usr/local/nvidia/lib64", "/run/opengl-driver/lib"],
];

function versions(name: string, majors: readonly number[]): Library["files"] {
  return majors.map((major) => ({ file: `${name}.${major}`, major }));
}

/** The places that an environment's variables name. A setting `HEPHAESTUS_NVRTC` is the path of that library, and so on. */
export function placesFrom(environment: Readonly<Record<string, string | undefined>>): SearchPlaces {
  const of = (name: string): string[] => (environment[name] ?? "").split(":").filter((one) => one.startsWith("/"));
  const names = Object.keys(LIBRARIES) as LibraryName[];
  const explicit = names.flatMap((name) => of(`HEPHAESTUS_${name.toUpperCase()}`).map((path) => [name, path] as const));
  return {
    explicit: Object.fromEntries(explicit),
    toolkits: [...of("CUDA_HOME"), ...of("CUDA_PATH")],
    programs: [...of("VIRTUAL_ENV").map((folder) => join(folder, "bin")), ...of("PATH")],
    conda: of("CONDA_PREFIX"),
    home: homedir(),
  };
}

export const DISK: FileView = {
  exists: existsSync,
  list: (folder) => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  },
};

/**
 * Paths of a library in the order in which they are tried; bare names are for the system's loader.
 * `majors` are the wanted major versions, best first; by default all, newest first.
 */
export function candidates(
  name: LibraryName,
  places: SearchPlaces,
  view: FileView,
  majors: readonly number[] | null = null,
): string[] {
  const files = wantedFiles(name, majors);
  const explicit = places.explicit[name];
  if (explicit !== undefined)
    return /\.so(\.\d+)*$/.test(explicit) ? [explicit] : files.map((file) => join(explicit, file));
  const folders = name === "driver" ? DRIVER_FOLDERS : libraryFolders(places, view);
  return [...new Set(files.flatMap((file) => [file, ...folders.map((folder) => join(folder, file))]))];
}

function wantedFiles(name: LibraryName, majors: readonly number[] | null): string[] {
  const { files } = LIBRARIES[name];
  if (majors === null) return files.map(({ file }) => file);
  return majors.flatMap((major) => files.filter((one) => one.major === major).map(({ file }) => file));
}

function libraryFolders(places: SearchPlaces, view: FileView): string[] {
  const installed = view.list("/usr/local").filter((name) => /^cuda(-[\d.]+)?$/.test(name));
  const toolkits = [...places.toolkits, ...installed.sort().map((name) => join("/usr/local", name)), "/opt/cuda"];
  const python = places.programs.filter((folder) => view.list(folder).some((name) => /^python3?$/.test(name)));
  const prefixes = [...python.map(dirname), join(places.home, ".local"), "/usr/local", "/usr", ...places.conda];
  return [
    ...toolkits.flatMap((folder) => [join(folder, "lib64"), join(folder, "lib")]),
    ...prefixes.flatMap((prefix) => packageFolders(prefix, view)),
    ...places.conda.map((folder) => join(folder, "lib")),
    ...DRIVER_FOLDERS,
  ];
}

/** The folders of libraries in NVIDIA's Python packages below a prefix such as `/usr`: `nvidia/cu13/lib`, `nvidia/cublas/lib`. */
function packageFolders(prefix: string, view: FileView): string[] {
  const versions = view.list(join(prefix, "lib")).filter((name) => /^python3/.test(name));
  return versions.flatMap((version) =>
    ["site-packages", "dist-packages"].flatMap((packages) => {
      const nvidia = join(prefix, "lib", version, packages, "nvidia");
      return view.list(nvidia).map((part) => join(nvidia, part, "lib"));
    }),
  );
}

/** A library that the loader took. */
export interface FoundLibrary {
  readonly name: LibraryName;
  /** What to give to `openDriver`, `openNvrtc` and so on. */
  readonly path: string;
}

export interface SearchOptions {
  readonly places: SearchPlaces;
  readonly majors?: readonly number[];
  readonly view?: FileView;
  /** Loads a library. @throws Error when that fails. */
  readonly load?: (path: string) => void;
}

/**
 * The first candidate that exists and loads.
 * @throws UserError that lists every path tried, with the loader's complaint where there was a file, and says who supplies the library.
 */
export function findLibrary(name: LibraryName, options: SearchOptions): FoundLibrary {
  const { places, majors = null, view = DISK, load = loadOnly } = options;
  const { title, companion, supplier } = LIBRARIES[name];
  const tried: string[] = [];
  for (const path of candidates(name, places, view, majors)) {
    if (path.startsWith("/") && !view.exists(path)) {
      tried.push(`${path}: no such file`);
      continue;
    }
    try {
      if (companion !== null) loadCompanion(companion, path, view, load);
      load(path);
      return { name, path };
    } catch (error) {
      tried.push(`${path}: ${messageOf(error).split("\n", 1)[0].replace(`${path}: `, "")}`);
    }
  }
  throw new UserError({ what: `${title} was not found`, got: tried.join("\n    "), hint: supplier });
}

/** The loader finds a library that is already loaded by its bare name, even in a folder that it does not search. */
function loadCompanion(prefix: string, path: string, view: FileView, load: (path: string) => void): void {
  if (!path.startsWith("/")) return;
  const folder = dirname(path);
  for (const name of view.list(folder).filter((one) => one.startsWith(prefix))) load(join(folder, name));
}

function loadOnly(path: string): void {
  openFunctions(path, {});
}
