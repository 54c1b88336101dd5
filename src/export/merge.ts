/** Several models as one whose weights are computed from theirs while they are read. */
import { join } from "node:path";
import { type Problem, UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { canonicalJson } from "../base/fingerprint.js";
import { loadTokenizer } from "../data/tokenizer/tokenizer.js";
import type { Architecture } from "../model/architecture.js";
import { addDifference, average, interpolate } from "./merging.js";
import { inStep, type Model, type ModelTensor, openModel } from "./model.js";

export type Merge =
  | { readonly kind: "average"; readonly weights: readonly number[] }
  /** Of a base and what was tuned from it. */
  | { readonly kind: "interpolate"; readonly alpha: number }
  /** Of a base, what was tuned from it, and another model that gets the difference. */
  | { readonly kind: "add-difference"; readonly scale: number };

/** The merged model, with the first one's architecture. Nothing is computed before its values are asked for. */
export function mergedModel(models: readonly [Model, ...Model[]], merge: Merge): Model {
  const combine = combinationOf(merge);
  const tensors = models[0].tensors.map(
    (tensor, index): ModelTensor => ({
      ...tensor,
      async *values() {
        for await (const pieces of inStep(models.map(({ tensors }) => tensors[index].values()))) {
          const out = new Float32Array(pieces[0].length);
          combine(pieces, out);
          yield out;
        }
      },
    }),
  );
  return { architecture: models[0].architecture, tensors };
}

function combinationOf(merge: Merge): (values: readonly Float32Array[], out: Float32Array) => void {
  switch (merge.kind) {
    case "average":
      return (values, out) => average(values, merge.weights, out);
    case "interpolate":
      return ([base, tuned], out) => interpolate(base, tuned, merge.alpha, out);
    case "add-difference":
      return ([base, tuned, other], out) => addDifference([base, tuned, other], merge.scale, out);
  }
}

/**
 * Opens folders whose models can be merged: the same mathematics and the same tokens, since only then do equal places mean equal things.
 * @returns the models and what differs between them without mattering.
 * @throws UserError naming everything in which a folder differs from the first.
 */
export async function openAgreeing(
  folders: readonly string[],
): Promise<{ readonly models: readonly Model[]; readonly warnings: readonly string[] }> {
  const opened = [];
  for (const folder of folders)
    opened.push({ folder, model: await openModel(folder), tokenizer: await tokenizerOf(folder) });
  const [first, ...others] = opened;
  const problems = others.flatMap((other): Problem[] => [
    ...differences(first.model.architecture, other.model.architecture).map(({ name, wanted, found }) => ({
      what: `this model's ${name} is not that of ${first.folder}`,
      where: other.folder,
      expected: wanted,
      got: found,
      ...(name === "vocabulary" ? { hint: "models are merged row by row; a vocabulary that grew does not fit" } : {}),
    })),
    ...(other.tokenizer === first.tokenizer
      ? []
      : [
          {
            what: `this model's tokenizer is not that of ${first.folder}`,
            where: other.folder,
            expected: first.tokenizer?.slice(0, 12) ?? "none",
            got: other.tokenizer?.slice(0, 12) ?? "none",
          },
        ]),
  ]);
  if (problems.length > 0) throw new UserError(problems);
  return { models: opened.map(({ model }) => model), warnings: others.flatMap((other) => lengthWarning(first, other)) };
}

/** Fingerprint; null when there is no `tokenizer.json`. */
async function tokenizerOf(folder: string): Promise<string | null> {
  const path = join(folder, "tokenizer.json");
  return (await exists(path)) ? (await loadTokenizer(path)).fingerprint : null;
}

/** The longest row that a model is meant for says nothing about its weights; published pairs of base and tuned models differ in it. */
const FREE = "maxLength";

function differences(wanted: Architecture, found: Architecture) {
  const fields = Object.keys(wanted).filter((name): name is keyof Architecture => name in wanted && name !== FREE);
  return fields
    .map((name) => ({ name, wanted: canonicalJson(wanted[name]), found: canonicalJson(found[name]) }))
    .filter((field) => field.wanted !== field.found);
}

interface Opened {
  readonly folder: string;
  readonly model: Model;
}

function lengthWarning(first: Opened, other: Opened): string[] {
  const [kept, left] = [first, other].map(({ model }) => model.architecture.maxLength);
  if (kept === left) return [];
  return [
    `${other.folder} is meant for rows of ${left} tokens, ${first.folder} for ${kept}, which the result says too`,
  ];
}
