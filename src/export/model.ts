/**
 * A model that is to be written: what it is, and its weights as streams of float32 values, so that one of any size passes through a few MB.
 * Where the values come from (a folder, several folders merged) makes no difference to who writes and verifies them.
 */
import { fromBf16, toBf16 } from "../base/bf16.js";
import type { Shape } from "../base/dims.js";
import { openWeights } from "../checkpoint/load.js";
import type { StoredDtype } from "../checkpoint/safetensors-header.js";
import type { TensorSource } from "../engine/engine.js";
import type { Architecture } from "../model/architecture.js";
import { parameterTable } from "../model/parameters.js";

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
 * The model of a Hugging Face folder.
 * @throws UserError as `openWeights`.
 */
export async function openModel(folder: string): Promise<Model> {
  const { architecture, weights } = await openWeights(folder);
  const sources = new Map([...weights()].map((source) => [source.name, source]));
  const tensors = parameterTable(architecture).map(({ name, shape }): ModelTensor => {
    const source = sources.get(name);
    if (source === undefined) throw new Error(`${folder} was opened without its ${name}`);
    return { name, shape, values: () => widened(source.pieces()) };
  });
  return { architecture, tensors };
}

async function* widened(pieces: ReturnType<TensorSource["pieces"]>): AsyncGenerator<Float32Array> {
  for await (const piece of pieces) yield piece instanceof Float32Array ? piece : floatsOf(piece);
}

function floatsOf(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  fromBf16(halves, out);
  return out;
}

/** The same model with every value as a file of this type would give it back. */
export function asStored(model: Model, dtype: StoredDtype): Model {
  if (dtype === "F32") return model;
  const tensors = model.tensors.map((tensor): ModelTensor => ({ ...tensor, values: () => rounded(tensor.values()) }));
  return { ...model, tensors };
}

/** The weights as an engine loads them. */
export function engineWeights({ tensors }: Model): readonly TensorSource[] {
  return tensors.map(({ name, shape, values }) => ({ name, kind: "weight", shape, pieces: values }));
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
    yield floatsOf(halves);
  }
}
