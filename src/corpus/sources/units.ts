/** Files as units: each by itself, or small ones together. */
import type { FileEntry, Unit } from "../source-kind.js";

const UNIT_BYTES = 2 ** 20;

/** Each file that is wanted is a unit. */
export function fileUnits(files: readonly FileEntry[], isWanted: (path: string) => boolean): readonly Unit[] {
  return files.filter(({ path }) => isWanted(path)).map(({ path, bytes }) => ({ name: path, files: [path], bytes }));
}

/** Neighbours go together up to about a megabyte, so that thousands of small files are no thousands of units; named after the first file. */
export function gatherUnits(files: readonly FileEntry[]): readonly Unit[] {
  const units: { name: string; files: string[]; bytes: number }[] = [];
  for (const { path, bytes } of files) {
    const last = units.at(-1);
    if (last !== undefined && last.bytes + bytes <= UNIT_BYTES) {
      last.files.push(path);
      last.bytes += bytes;
    } else units.push({ name: path, files: [path], bytes });
  }
  return units;
}
