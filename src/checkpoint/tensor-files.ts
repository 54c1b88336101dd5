/** Tensors of a folder as the engine takes them, one by one: the weights of any Hugging Face folder, the moments of a checkpoint. */
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import type { EngineTensor } from "../engine/engine.js";
import { isFileName, WEIGHTS_FILE } from "./format.js";
import { isObject, readJsonObject } from "./json.js";
import { SafetensorsFile } from "./safetensors.js";
import type { TensorEntry } from "./safetensors-header.js";

/** Lists the files of weights that were split. */
export const INDEX_FILE = "model.safetensors.index.json";

/** Name of a moment in its file: its weight's with the kind behind. */
export function storedName({ name, kind }: Pick<EngineTensor, "name" | "kind">): string {
  return kind === "weight" ? name : `${name}.${kind}`;
}

/** Yields the tensors of one file as weights. The file is open while the iteration lasts. */
export function* readWeights(path: string, wanted: (name: string) => boolean): Generator<EngineTensor> {
  using file = SafetensorsFile.open(path);
  for (const entry of file.tensors) if (wanted(entry.name)) yield { ...file.read(entry), kind: "weight" };
}

/** Yields the moments of one file under their weights' names. @throws UserError when something else is among them. */
export function* readMoments(path: string): Generator<EngineTensor> {
  using file = SafetensorsFile.open(path);
  for (const entry of file.tensors) {
    const [, name, kind] = /^(.+)\.(moment1|moment2)$/s.exec(entry.name) ?? [];
    if (name === undefined) throw new UserError({ what: `tensor "${entry.name}" is not a moment`, where: path });
    yield { ...file.read(entry), name, kind: kind === "moment1" ? "moment1" : "moment2" };
  }
}

/** What a file holds, after the checks of its header. */
export function entriesOf(path: string): readonly TensorEntry[] {
  using file = SafetensorsFile.open(path);
  return file.tensors;
}

/** Paths of the files that hold a folder's weights. @throws UserError when there are none, or the list of them is malformed. */
export async function weightFiles(folder: string): Promise<readonly string[]> {
  if (await exists(join(folder, WEIGHTS_FILE))) return [join(folder, WEIGHTS_FILE)];
  const where = join(folder, INDEX_FILE);
  if (!(await exists(where)))
    throw new UserError({
      what: "no weights in this folder",
      where: folder,
      expected: `${WEIGHTS_FILE} or ${INDEX_FILE}`,
      hint: "weights in another format are converted by save_pretrained of Hugging Face transformers",
    });
  const { weight_map: map } = await readJsonObject(where);
  const files = isObject(map) ? [...new Set(Object.values(map))] : [];
  if (files.length === 0 || !files.every((file) => typeof file === "string" && isFileName(file)))
    throw new UserError({ what: "weight_map does not map tensors to files of this folder", where });
  return files.map((file) => join(folder, String(file))).sort();
}
