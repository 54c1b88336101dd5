/**
 * A model that is to be written: what it is, and its weights as streams of float32 values, so that one of any size passes through a few MB.
 * Where the values come from (a folder, several folders merged) makes no difference to who writes and verifies them.
 */
import { fromBf16, toBf16 } from "../base/bf16.js";
import type { Shape } from "../base/dims.js";
import { type Problem, UserError } from "../base/errors.js";
import { openWeights } from "../checkpoint/load.js";
import type { StoredDtype, TensorEntry } from "../checkpoint/safetensors-header.js";
import type { EngineTensor } from "../engine/engine.js";
import type { Architecture } from "../model/architecture.js";
import { type Parameter, parameterTable } from "../model/parameters.js";

export interface ModelTensor {
  readonly name: string;
  readonly shape: Shape;
  /** All values in order, from the start at each call. A piece may be overwritten once the next is asked for. */
  values(): AsyncIterable<Float32Array>;
}

export interface Model {
  readonly architecture: Architecture;
  /** One for each parameter, in the table's order. */
  readonly tensors: readonly ModelTensor[];
}

/**
 * The model of a Hugging Face folder. Of tied embeddings a stored head is passed over, as `transformers` does.
 * @throws UserError with everything that is missing, damaged, of another shape or not known.
 */
export async function openModel(folder: string): Promise<Model> {
  const { architecture, entries, weights } = await openWeights(folder);
  const table = parameterTable(architecture);
  checkEntries(table, entries, folder);
  const tensors = table.map(
    ({ name, shape }): ModelTensor => ({
      name,
      shape,
      async *values() {
        for (const { data } of weights((other) => other === name)) yield data;
      },
    }),
  );
  return { architecture, tensors };
}

/** The same model with every value as a file of this type would give it back. */
export function asStored(model: Model, dtype: StoredDtype): Model {
  if (dtype === "F32") return model;
  const tensors = model.tensors.map((tensor): ModelTensor => ({ ...tensor, values: () => rounded(tensor.values()) }));
  return { ...model, tensors };
}

/** The weights as an engine loads them. */
export async function engineWeights({ tensors }: Model): Promise<readonly EngineTensor[]> {
  const loaded: EngineTensor[] = [];
  for (const { name, shape, values } of tensors) {
    const pieces: Float32Array[] = [];
    for await (const piece of values()) pieces.push(piece.slice());
    const data = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      data.set(piece, at);
      at += piece.length;
    }
    loaded.push({ name, kind: "weight", shape, data });
  }
  return loaded;
}

/** Goes through several streams of equally many values at once, in parts of equal length. @throws Error when one ends before the others. */
export async function* inStep(
  streams: readonly AsyncIterable<Float32Array>[],
): AsyncGenerator<readonly Float32Array[]> {
  const readers = streams.map((stream) => stream[Symbol.asyncIterator]());
  try {
    let left: readonly Float32Array[] = readers.map(() => new Float32Array());
    for (;;) {
      left = await Promise.all(left.map((piece, index) => (piece.length > 0 ? piece : nextOf(readers[index]))));
      const length = Math.min(...left.map((piece) => piece.length));
      if (length === 0) break;
      yield left.map((piece) => piece.subarray(0, length));
      left = left.map((piece) => piece.subarray(length));
    }
    if (left.some((piece) => piece.length > 0)) throw new Error("streams of values are not equally long");
  } finally {
    for (const reader of readers) await reader.return?.();
  }
}

/** The next piece that is not empty; an empty one at the end. */
async function nextOf(reader: AsyncIterator<Float32Array>): Promise<Float32Array> {
  for (;;) {
    const { done, value } = await reader.next();
    if (done === true) return new Float32Array();
    if (value.length > 0) return value;
  }
}

async function* rounded(values: AsyncIterable<Float32Array>): AsyncGenerator<Float32Array> {
  for await (const piece of values) {
    const halves = new Uint16Array(piece.length);
    toBf16(piece, halves);
    const out = new Float32Array(piece.length);
    fromBf16(halves, out);
    yield out;
  }
}

function checkEntries(table: readonly Parameter[], entries: readonly TensorEntry[], folder: string): void {
  const problems: Problem[] = [];
  const stored = new Map(entries.map(({ name, shape }) => [name, shape]));
  for (const { name, shape } of table) {
    const found = stored.get(name);
    if (found === undefined) problems.push({ what: `tensor "${name}" is missing`, where: folder });
    else if (String(found) !== String(shape))
      problems.push({
        what: `tensor "${name}" has another shape than config.json says`,
        where: folder,
        expected: `[${shape.join(", ")}]`,
        got: `[${found.join(", ")}]`,
      });
    stored.delete(name);
  }
  for (const name of stored.keys())
    if (!isPassedOver(name))
      problems.push({ what: `tensor "${name}" is not a parameter of this architecture`, where: folder });
  if (problems.length > 0) throw new UserError(problems);
}

/** A head beside tied embeddings, and tables that old versions stored although they follow from the configuration. */
function isPassedOver(name: string): boolean {
  return name === "lm_head.weight" || name.endsWith(".rotary_emb.inv_freq");
}
