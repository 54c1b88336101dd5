/** Finds the vendor's headers: folders given, the toolkit behind `nvcc`, the usual places, and Python's `site-packages/nvidia`. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, normalize } from "node:path";

/** Include folders that exist, in the order in which they are searched; the given ones first. */
export function includeFolders(given: readonly string[], python: string): string[] {
  const candidates = [...given, ...toolkitFolders(), "/usr/local/cuda/include", ...pythonFolders(python)];
  return [...new Set(candidates)].filter((folder) => existsSync(folder));
}

/** The first of the folders that has this header, or null. */
export function folderOf(header: string, folders: readonly string[]): string | null {
  return folders.find((folder) => existsSync(join(folder, header))) ?? null;
}

/** What `nvcc` itself would search, whatever script or link stands on the PATH. */
function toolkitFolders(): string[] {
  const { stderr = "", error } = spawnSync("nvcc", ["--dryrun", "-x", "cu", "/dev/null"], { encoding: "utf8" });
  if (error !== undefined) return [];
  return [...stderr.matchAll(/"-I([^"]+)"/g)].map((match) => normalize(match[1]));
}

/** CUDA 13 wheels share `nvidia/cu13`; older ones have a folder for each library. */
function pythonFolders(python: string): string[] {
  const code = `
import glob, os, sys
for folder in sys.path:
    for found in sorted(glob.glob(os.path.join(folder, "nvidia", "*", "include"))):
        print(found)
`;
  const { stdout, status } = spawnSync(python, ["-c", code], { encoding: "utf8" });
  return status === 0 ? stdout.split("\n").filter((line) => line !== "") : [];
}
