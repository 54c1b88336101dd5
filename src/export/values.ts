/** Values on their way into a file: what a type cannot hold is refused, what no model should hold is told. */
import { UserError } from "../base/errors.js";
import type { StoredDtype } from "../checkpoint/safetensors-header.js";
import type { ModelTensor } from "./model.js";

/** Magnitude bits of the least float32 that rounds to bf16's infinity, and of float32's own. */
const BEYOND_BF16 = 0x7f7f8000;
const INFINITE = 0x7f800000;

/**
 * A tensor's values as they are.
 * @param warnings gets a line when some are infinite or not numbers.
 * @throws UserError when rounding would make a finite value infinite.
 */
export async function* checkedValues(
  { name, values }: ModelTensor,
  dtype: StoredDtype,
  warnings: string[],
): AsyncGenerator<Float32Array> {
  let seen = 0;
  let notFinite = 0;
  const limit = dtype === "BF16" ? BEYOND_BF16 : INFINITE;
  for await (const piece of values()) {
    const words = new Uint32Array(piece.buffer, piece.byteOffset, piece.length);
    for (let i = 0; i < words.length; i++) {
      const magnitude = words[i] & 0x7fffffff;
      if (magnitude < limit) continue;
      if (magnitude < INFINITE)
        throw new UserError({
          what: `element ${seen + i} of tensor "${name}" is too large for bf16`,
          got: String(piece[i]),
          hint: "export it as f32",
        });
      notFinite++;
    }
    seen += piece.length;
    yield piece;
  }
  if (notFinite > 0) warnings.push(`tensor "${name}" has ${notFinite} values that are infinite or not numbers`);
}
