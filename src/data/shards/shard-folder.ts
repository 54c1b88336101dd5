/** Which files make up a domain, and in which order: one file, a folder of shards, or a folder that Hugging Face `datasets` saved. */
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { systemCode, UserError } from "../../base/errors.js";
import { exists, readJson } from "../../base/files.js";

/**
 * The Arrow files at `path`: itself, the files that `state.json` lists (in its order), or every `*.arrow` sorted by name.
 * @throws UserError when there is none.
 */
export async function listShards(path: string): Promise<readonly string[]> {
  const about = await stat(path).catch((error: unknown) => {
    throw new UserError(
      {
        what: `cannot read this path (${systemCode(error) ?? "unknown error"})`,
        where: path,
        expected: "a shard or a folder of shards",
      },
      { cause: error },
    );
  });
  if (!about.isDirectory()) return [path];
  const state = join(path, "state.json");
  const names = (await exists(state)) ? savedFiles(await readJson(state), state) : await arrowFiles(path);
  if (names.length > 0) return names.map((name) => join(path, name));
  const splits = await exists(join(path, "dataset_dict.json"));
  throw new UserError({
    what: "this folder has no shards",
    where: path,
    expected: "files ending in .arrow",
    hint: splits
      ? "it holds several splits; name one of its folders, such as train"
      : "make them with `hephaestus prepare`",
  });
}

async function arrowFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(".arrow")).sort();
}

/** The file names in a `state.json` of `datasets.save_to_disk`. */
function savedFiles(state: unknown, where: string): string[] {
  const unusable = (what: string) =>
    new UserError({ what, where, hint: "save the data set again with a current version of `datasets`" });
  if (typeof state !== "object" || state === null || !("_data_files" in state) || !Array.isArray(state._data_files))
    throw unusable("this file does not list a data set's files");
  if (
    "_indices_data_files" in state &&
    Array.isArray(state._indices_data_files) &&
    state._indices_data_files.length > 0
  )
    throw unusable("this data set is a selection of rows that was not written out");
  return state._data_files.map((entry: unknown) => {
    const name = typeof entry === "object" && entry !== null && "filename" in entry ? entry.filename : null;
    if (typeof name !== "string" || name !== basename(name) || name === "" || name === "..")
      throw unusable("this file lists something that is not a file of its folder");
    return name;
  });
}
