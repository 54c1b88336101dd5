/** Which files a list of paths stands for: files as given, and every known file in a folder, in a fixed order. */
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, UserError } from "../base/errors.js";

export type DocumentFormat = "json-lines" | "parquet";

export interface DocumentFile {
  readonly path: string;
  readonly format: DocumentFormat;
}

const FORMATS: Readonly<Record<string, DocumentFormat>> = {
  ".jsonl": "json-lines",
  ".ndjson": "json-lines",
  ".jsonl.gz": "json-lines",
  ".ndjson.gz": "json-lines",
  ".parquet": "parquet",
};

/**
 * The files behind `paths`: a folder stands for all known files in it and below, sorted by path; hidden files and folders are left out.
 * @throws UserError when a path is absent, of an unknown kind, an empty folder, or named twice (its text would be trained on twice).
 */
export async function listDocumentFiles(paths: readonly string[]): Promise<DocumentFile[]> {
  const files: DocumentFile[] = [];
  for (const path of paths) files.push(...(await filesBehind(path)));
  const seen = new Set<string>();
  for (const { path } of files) {
    const real = await realpath(path);
    if (seen.has(real))
      throw new UserError({
        what: "this file is named twice",
        where: path,
        hint: "name each file, or the folder it is in, once",
      });
    seen.add(real);
  }
  return files;
}

async function filesBehind(path: string): Promise<DocumentFile[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw new UserError(
      { what: `cannot read this path (${systemCode(error) ?? "unknown error"})`, where: path },
      { cause: error },
    );
  });
  const expected = Object.keys(FORMATS).join(", ");
  if (found.isDirectory()) {
    const files = await filesInFolder(path);
    if (files.length > 0) return files.sort((a, b) => (a.path < b.path ? -1 : 1));
    throw new UserError({ what: "this folder holds no domain files", where: path, expected });
  }
  const format = formatOf(path);
  if (format === null) throw new UserError({ what: "this kind of file is not known", where: path, expected });
  return [{ path, format }];
}

async function filesInFolder(folder: string): Promise<DocumentFile[]> {
  const files: DocumentFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    const format = formatOf(entry.name);
    if (entry.isDirectory()) files.push(...(await filesInFolder(path)));
    else if (format !== null) files.push({ path, format });
  }
  return files;
}

function formatOf(path: string): DocumentFormat | null {
  const name = path.toLowerCase();
  const extension = Object.keys(FORMATS).find((known) => name.endsWith(known));
  return extension === undefined ? null : (FORMATS[extension] ?? null);
}
