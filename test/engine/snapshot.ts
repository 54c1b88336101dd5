/** The state of an engine as whole tensors. */
import type { Engine, EngineTensor, TensorKind } from "../../src/engine/engine.js";
import { gathered } from "../../src/engine/seam.js";

/** Copies of the tensors of some kinds, as they are when this is called. */
export async function snapshot(engine: Engine, ...kinds: readonly TensorKind[]): Promise<EngineTensor[]> {
  using copy = engine.copyOut(kinds, Number.POSITIVE_INFINITY);
  const taken: EngineTensor[] = [];
  for (const { name, kind, shape, pieces } of copy.tensors)
    taken.push({ name, kind, shape, data: await gathered({ name, kind, shape, pieces }) });
  return taken;
}
