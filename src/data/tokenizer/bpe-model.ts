/** Reads the BPE model of a `tokenizer.json`: what every kind of BPE has. */
import { UserError } from "../../base/errors.js";
import type { TokenizerFile } from "./tokenizer-file.js";

/** Heap entries of the encoder hold the rank in 21 bits. */
const MOST_MERGES = 2 ** 21;

/** Whether the model is a BPE without the extras that only the library knows. */
export function isPlainBpe({ model }: TokenizerFile): boolean {
  const absent = (name: string): boolean => [undefined, null, "", 0, false].includes(model[name] as never);
  const plain = ["dropout", "continuing_subword_prefix", "end_of_word_suffix"].every(absent);
  return model["type"] === "BPE" && plain && Array.isArray(model["merges"]) && model["merges"].length <= MOST_MERGES;
}

/**
 * Left token, right token, result, three numbers for each merge of a plain BPE.
 * @throws UserError when a merge names a token that is not in the vocabulary.
 */
export function readMerges({ model, path, modelIds }: TokenizerFile): Int32Array {
  const merges = model["merges"] as readonly unknown[];
  const numbers = new Int32Array(3 * merges.length);
  for (const [rank, merge] of merges.entries()) {
    const [left, right] = splitMerge(merge, `${path}: merge ${rank}`);
    const found = [modelIds.get(left), modelIds.get(right), modelIds.get(left + right)];
    for (const [at, id] of found.entries()) {
      if (id === undefined) throw unknownToken(left, right, `${path}: merge ${rank}`);
      numbers[3 * rank + at] = id;
    }
  }
  return numbers;
}

/** A pair, or the two with a space between them, as old files have it. */
export function splitMerge(merge: unknown, where: string): readonly [left: string, right: string] {
  const parts: unknown = typeof merge === "string" ? merge.split(" ") : merge;
  const [left, right] = Array.isArray(parts) && parts.length === 2 ? (parts as unknown[]) : [];
  if (typeof left === "string" && typeof right === "string") return [left, right];
  throw new UserError({
    what: "a merge is not a pair of tokens",
    where,
    got: String(JSON.stringify(merge)).slice(0, 80),
  });
}

function unknownToken(left: string, right: string, where: string): UserError {
  return new UserError({
    what: "a merge names a token that is not in the vocabulary",
    where,
    got: JSON.stringify([left, right]).slice(0, 200),
    hint: "the file is damaged or was edited by hand: fetch or train it again",
  });
}
