/** How weights are spread over files: one `model.safetensors`, or numbered ones with an index, as Hugging Face names them. */
import { WEIGHTS_FILE } from "../checkpoint/format.js";
import type { JsonObject } from "../checkpoint/json.js";
import { storedBytes, type TensorSpec } from "../checkpoint/safetensors-header.js";

export interface WeightFile<Tensor> {
  readonly name: string;
  readonly tensors: readonly Tensor[];
}

/** Files of at most `maxBytes` of tensors each, in the order given; a tensor that is larger has a file of its own. */
export function spreadOverFiles<Tensor extends TensorSpec>(
  tensors: readonly Tensor[],
  maxBytes: number,
): readonly WeightFile<Tensor>[] {
  const groups: Tensor[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    const bytes = storedBytes(tensor);
    const last = groups.at(-1);
    if (last === undefined || bytes > room) {
      groups.push([tensor]);
      room = maxBytes;
    } else last.push(tensor);
    room -= bytes;
  }
  if (groups.length <= 1) return [{ name: WEIGHTS_FILE, tensors }];
  const five = (number: number) => String(number).padStart(5, "0");
  return groups.map((group, index) => ({
    name: `model-${five(index + 1)}-of-${five(groups.length)}.safetensors`,
    tensors: group,
  }));
}

/** The content of `model.safetensors.index.json`. */
export function weightIndex(files: readonly WeightFile<TensorSpec>[]): JsonObject {
  const all = files.flatMap(({ tensors }) => tensors);
  return {
    metadata: { total_size: all.reduce((sum, tensor) => sum + storedBytes(tensor), 0) },
    weight_map: Object.fromEntries(files.flatMap(({ name, tensors }) => tensors.map((each) => [each.name, name]))),
  };
}
