/** Tensors of a folder as the engine takes them: the weights of any Hugging Face folder, the moments of a checkpoint. */
import { join } from "node:path";
import { type Problem, UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import type { EngineTensor, Piece, TensorSource } from "../engine/engine.js";
import { placedPieces } from "../engine/seam.js";
import { isFileName, type SavedTensor, WEIGHTS_FILE } from "./format.js";
import { isObject, readJsonObject } from "./json.js";
import { SafetensorsFile } from "./safetensors.js";
import type { TensorEntry, TensorSpec } from "./safetensors-header.js";

/** Lists the files of weights that were split. */
export const INDEX_FILE = "model.safetensors.index.json";
/** Problems of one index that are told. */
const LISTED = 8;

/** A tensor in its file, in the type that it is kept in. A moment's name is its weight's with the kind behind. */
export function storedSpec(tensor: SavedTensor): TensorSpec {
  const { name, kind, shape } = tensor;
  const dtype = "data" in tensor ? "F32" : tensor.dtype;
  return { name: kind === "weight" ? name : `${name}.${kind}`, shape, dtype };
}

/** A tensor of a file under the name and kind that the engine knows it by. */
export function sourceOf(
  file: SafetensorsFile,
  entry: TensorEntry,
  { name, kind }: Pick<EngineTensor, "name" | "kind">,
): TensorSource {
  return { name, kind, shape: entry.shape, pieces: () => file.pieces(entry) };
}

/** The moments of one file under their weights' names. @throws UserError when something else is among them. */
export function momentsOf(file: SafetensorsFile): readonly TensorSource[] {
  return file.tensors.map((entry) => {
    const [, name, kind] = /^(.+)\.(moment1|moment2)$/s.exec(entry.name) ?? [];
    if (name === undefined) throw new UserError({ what: `tensor "${entry.name}" is not a moment`, where: file.path });
    return sourceOf(file, entry, { name, kind: kind === "moment1" ? "moment1" : "moment2" });
  });
}

/** Whether two tensors hold the same bits, both being float32 or both bfloat16, or the same float32 numbers. */
export async function sameValues(one: TensorSource, other: TensorSource): Promise<boolean> {
  const left = placedPieces(one);
  const right = placedPieces(other);
  try {
    for await (const { values } of left) {
      const { value: against } = await right.next();
      if (against === undefined || !sameBits(values, against.values)) return false;
    }
    return true;
  } finally {
    // Its file is open until it is told that no more is wanted.
    await right.return(undefined);
  }
}

function sameBits(one: Piece, other: Piece): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: Piece): Buffer => Buffer.from(buffer, byteOffset, byteLength);
  return one.constructor === other.constructor && bytes(one).equals(bytes(other));
}

/**
 * The files that hold a folder's weights, opened.
 * @throws UserError when there are none, one is damaged, a tensor is in two of them, or the list of them says something else than they hold.
 */
export async function openWeightFiles(folder: string): Promise<readonly SafetensorsFile[]> {
  if (await exists(join(folder, WEIGHTS_FILE))) return [SafetensorsFile.open(join(folder, WEIGHTS_FILE))];
  const where = join(folder, INDEX_FILE);
  if (!(await exists(where)))
    throw new UserError({
      what: "no weights in this folder",
      where: folder,
      expected: `${WEIGHTS_FILE} or ${INDEX_FILE}`,
      hint: "weights in another format are converted by save_pretrained of Hugging Face transformers",
    });
  const places = await readIndex(where);
  const names = [...new Set(places.values())].sort();
  const missing: Problem[] = [];
  for (const name of names)
    if (!(await exists(join(folder, name)))) missing.push({ what: "this file is missing", where: join(folder, name) });
  if (missing.length > 0) throw new UserError(missing);
  const files = names.map((name) => SafetensorsFile.open(join(folder, name)));
  checkPlaces(places, new Map(names.map((name, at) => [name, files[at]])), where);
  return files;
}

/** File of each tensor. */
async function readIndex(where: string): Promise<ReadonlyMap<string, string>> {
  const { weight_map: map } = await readJsonObject(where);
  const places = isObject(map) ? Object.entries(map) : [];
  const sound = places.every(([, file]) => typeof file === "string" && isFileName(file));
  if (places.length > 0 && sound) return new Map(places.map(([tensor, file]) => [tensor, String(file)]));
  throw new UserError({ what: "weight_map does not map tensors to files of this folder", where });
}

/** @throws UserError with some of the tensors that are not where the index says, and only there. */
function checkPlaces(
  places: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, SafetensorsFile>,
  where: string,
): void {
  const problems: Problem[] = [];
  const found = new Map<string, string>();
  for (const [name, { tensors }] of files)
    for (const { name: tensor } of tensors) {
      const first = found.get(tensor);
      if (first !== undefined)
        problems.push({ what: `tensor "${tensor}" is in two files`, where, got: `${first}, ${name}` });
      else if (places.get(tensor) !== name)
        problems.push({
          what: `tensor "${tensor}" is in another file than the index says`,
          where,
          expected: places.get(tensor) ?? "not in the index",
          got: name,
        });
      found.set(tensor, name);
    }
  for (const [tensor, name] of places)
    if (!found.has(tensor))
      problems.push({ what: `tensor "${tensor}" is in no file`, where, expected: `in ${name}`, got: "absent" });
  if (problems.length > 0) throw new UserError(problems.slice(0, LISTED));
}
