/** The launch that ends every sum over rows: f32 parts[P, C] added up in order, and added to a gradient. */
import type { Address, Launch } from "../runtime/launch.js";
import { ceilDivide, i32, launch, pointer, type Storage, typeOf } from "./access.js";

/** Columns of a block, and strands that share out the parts. */
const COLUMNS = 32;
const STRANDS = 32;

/** out[c] adds Σₚ parts[p, c]. */
export function sumParts(
  { out_C, parts_PC }: { readonly out_C: Address; readonly parts_PC: Address },
  { P, C }: { readonly P: number; readonly C: number },
  gradient: Storage,
): Launch {
  const kernel = { file: "sum-parts.cu", name: "sum_parts", defines: { GRADIENT: typeOf(gradient) } };
  const shape = { grid: [ceilDivide(C, COLUMNS), 1, 1], block: [COLUMNS, STRANDS, 1] } as const;
  return launch(kernel, shape, [pointer(out_C), pointer(parts_PC), i32(P), i32(C)]);
}
