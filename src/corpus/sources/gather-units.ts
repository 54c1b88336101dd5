/** Small files as units of about a megabyte, so that thousands of them are no thousands of units. */
import type { FileEntry, Unit } from "../source-kind.js";

const UNIT_BYTES = 2 ** 20;

/** Neighbours go together; a unit is named after its first file. */
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
