/** Proof that a written folder is the model that was meant: every tensor read back, and what an engine computes from it. */
import { UserError } from "../base/errors.js";
import type { Engine } from "../engine/engine.js";
import { inStep, type Model, openModel } from "./model.js";
import { type Drift, driftOf, firstDifference, probeLogits } from "./probe.js";

const HINT = "the disk or the memory is at fault, or the source changed meanwhile; nothing was kept";

/**
 * Reads a folder back and compares it with the model, bit for bit.
 * @param expected with values as the files give them back.
 * @throws UserError naming the first tensor and element that differ.
 */
export async function verifyTensors(
  folder: string,
  expected: Model,
  onTensor: (name: string) => void = () => {},
): Promise<void> {
  const written = await openModel(folder);
  for (const [index, { name, values }] of expected.tensors.entries()) {
    onTensor(name);
    let seen = 0;
    for await (const [wanted, found] of inStep([values(), written.tensors[index].values()])) {
      const at = firstUnequal(wanted, found);
      if (at !== null)
        throw new UserError({
          what: `tensor "${name}" is not read back as it was written, from element ${seen + at} on`,
          where: folder,
          expected: String(wanted[at]),
          got: String(found[at]),
          hint: HINT,
        });
      seen += wanted.length;
    }
  }
}

/** The first place at which two arrays of equal length have other bits; null when there is none. */
function firstUnequal(a: Float32Array, b: Float32Array): number | null {
  const [x, y] = [a, b].map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length));
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return i;
  return null;
}

/**
 * Compares what an engine computes from a folder with what it computes from the model, bit for bit.
 * @param expected with values as the files give them back.
 * @throws UserError naming the first logit that differs.
 */
export async function verifyLogits(engine: Engine, folder: string, expected: Model): Promise<readonly Float32Array[]> {
  const wanted = await probeLogits(engine, expected);
  const difference = firstDifference(wanted, await probeLogits(engine, await openModel(folder)));
  if (difference === null) return wanted;
  const { row, id, expected: logit, found } = difference;
  throw new UserError({
    what: `the written files give other logits, first that of token ${id} after probe row ${row}`,
    where: folder,
    expected: String(logit),
    got: String(found),
    hint: HINT,
  });
}

/** What rounding did to the logits. @param rounded those of the model as it was written. */
export async function driftFrom(engine: Engine, model: Model, rounded: readonly Float32Array[]): Promise<Drift> {
  return driftOf(await probeLogits(engine, model), rounded);
}
