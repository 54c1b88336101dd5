/** Which tensors of a folder are the weights of its architecture: all of them must be there, and nothing else that could count. */
import { type Problem, UserError } from "../base/errors.js";
import type { TensorSource } from "../engine/engine.js";
import type { Architecture } from "../model/architecture.js";
import { EMBEDDING, HEAD, parameterTable } from "../model/parameters.js";
import { isFloat, type SafetensorsFile } from "./safetensors.js";
import type { TensorEntry } from "./safetensors-header.js";
import { sameValues, sourceOf } from "./tensor-files.js";

/** A tensor and the file that holds it. */
export interface LocatedTensor {
  readonly file: SafetensorsFile;
  readonly entry: TensorEntry;
}

export interface WeightSet {
  /** Those of the parameter table, in the order of the files. */
  readonly sources: readonly TensorSource[];
  /** In words: what is there and was left alone. */
  readonly notes: readonly string[];
}

/** Old files of Llama keep the frequencies of RoPE, which follow from `config.json`. */
const HARMLESS = /(^|\.)rotary_emb\.inv_freq$/;
/** Names that one problem lists. */
const LISTED = 8;

/**
 * Tied embeddings are as in `transformers` 5 (`tie_weights` in `modeling_utils.py`): a head beside them counts only when it is the same, or
 * when it is there instead. A head that differs makes that version untie them with a warning; here it is refused.
 * @throws UserError with every tensor that is missing, unknown, of another shape or not of floats.
 */
export async function weightSetOf(
  architecture: Architecture,
  tensors: readonly LocatedTensor[],
  where: string,
): Promise<WeightSet> {
  const shapes = new Map(parameterTable(architecture).map(({ name, shape }) => [name, shape]));
  const byName = new Map(tensors.map((tensor) => [tensor.entry.name, tensor]));
  const head = architecture.tied ? byName.get(HEAD) : undefined;
  const embedding = byName.get(EMBEDDING);
  const renamed = head !== undefined && embedding === undefined ? HEAD : null;
  const nameOf = ({ entry }: LocatedTensor): string => (entry.name === renamed ? EMBEDDING : entry.name);
  const harmless = tensors.filter(({ entry }) => HARMLESS.test(entry.name));
  const rest = tensors.filter((each) => !harmless.includes(each) && (each !== head || renamed !== null));
  const known = rest.filter((each) => shapes.has(nameOf(each)));
  const found = new Set(known.map(nameOf));
  const problems = [
    ...listed(
      "weights are missing",
      [...shapes.keys()].filter((name) => !found.has(name)),
      where,
    ),
    ...listed(
      "tensors that this architecture does not have",
      rest.filter((each) => !known.includes(each)).map(nameOf),
      where,
    ),
    ...known.flatMap((each) => misfitsOf(each, shapes.get(nameOf(each)) ?? [])),
  ];
  if (problems.length > 0) throw new UserError(problems);
  if (head !== undefined && embedding !== undefined) await checkTied(head, embedding);
  return {
    sources: known.map((each) => sourceOf(each.file, each.entry, { name: nameOf(each), kind: "weight" })),
    notes: [
      ...(harmless.length > 0 ? [`${harmless.length} tensors rotary_emb.inv_freq, which follow from config.json`] : []),
      ...(head !== undefined && renamed === null ? [`${HEAD}, which is the embedding again (tied)`] : []),
    ],
  };
}

function listed(what: string, names: readonly string[], where: string): Problem[] {
  if (names.length === 0) return [];
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
  return [{ what: `${what}: ${names.slice(0, LISTED).join(", ")}${more}`, where }];
}

function misfitsOf({ file, entry }: LocatedTensor, shape: readonly number[]): Problem[] {
  const { name, dtype } = entry;
  const where = file.path;
  return [
    ...(String(entry.shape) === String(shape)
      ? []
      : [
          {
            what: `tensor "${name}" has another shape than config.json says`,
            where,
            expected: `[${shape.join(", ")}]`,
            got: `[${entry.shape.join(", ")}]`,
          },
        ]),
    ...(isFloat(dtype)
      ? []
      : [
          {
            what: `tensor "${name}" cannot be read as float32 numbers`,
            where,
            expected: "F32, BF16 or F16",
            got: dtype,
            hint: "quantised weights cannot be trained; take the model as it was before",
          },
        ]),
  ];
}

async function checkTied(head: LocatedTensor, embedding: LocatedTensor): Promise<void> {
  const sources = [head, embedding].map(({ file, entry }) => sourceOf(file, entry, { name: HEAD, kind: "weight" }));
  if (await sameValues(sources[0], sources[1])) return;
  throw new UserError({
    what: `config.json ties the embeddings, but ${HEAD} is not ${EMBEDDING}`,
    where: head.file.path,
    hint: "set tie_word_embeddings to false in config.json if the model was trained with a head of its own",
  });
}
