/** The seam of sources: how files of one kind become documents. Each kind is a folder or file under `sources/`. */
import type { SourceItem } from "./forge-document.js";

/** A file of a source: its path relative to the source's root, with `/`. */
export interface FileEntry {
  readonly path: string;
  readonly bytes: number;
}

/** Files that are read together, such as a service's model and its examples. Units are spread over the partitions; one is never split. */
export interface Unit {
  /** Unique within its source. */
  readonly name: string;
  /** Paths of its files. */
  readonly files: readonly string[];
  /** About how much work it is. */
  readonly bytes: number;
}

/** The files of a source, wherever they are: tests keep them in memory. Every method throws a UserError for a file that cannot be read. */
export interface SourceFiles {
  /** The text of a file, or null where its bytes are not UTF-8. */
  text(path: string): Promise<string | null>;
  bytes(path: string): Promise<Uint8Array>;
  /** A file in pieces, for those that do not fit in memory. */
  stream(path: string): AsyncIterable<Uint8Array>;
  /** Where the file is on the disk, for libraries that read by position. */
  location(path: string): string;
}

export interface SourceKind<Settings> {
  /** Which of the files this kind reads, and which belong together, in a fixed order. Files in no unit are not read. */
  units(files: readonly FileEntry[], settings: Settings): readonly Unit[];
  /** The documents of a unit, in a fixed order. What cannot be read is rejected with a reason, never thrown and never passed over: `documentItem` makes both. */
  read(unit: Unit, files: SourceFiles, settings: Settings): AsyncIterable<SourceItem>;
}
