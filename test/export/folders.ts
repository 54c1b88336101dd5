/** Hugging Face folders of small random models, made without the code that exports. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromBf16, toBf16 } from "../../src/base/bf16.js";
import { encodeHeader } from "../../src/checkpoint/safetensors-header.js";
import { END_OF_TEXT, tokenizerJson, trainBpe } from "../../src/data/tokenizer/bpe-train.js";
import { createEngine } from "../../src/engine/select.js";
import { type ExportOptions, exportModel } from "../../src/export/export.js";
import { openModel } from "../../src/export/model.js";
import type { Architecture } from "../../src/model/architecture.js";
import { toHuggingFaceConfig } from "../../src/model/hugging-face.js";
import { initialWeights } from "../../src/model/initialise.js";
import { type Parameter, parameterTable } from "../../src/model/parameters.js";
import { newFolder } from "../checkpoint/content.js";
import { llama } from "../model/architectures.js";

/** Room for the tokens of `TOKENIZER`, and some rows of padding. */
export const SMALL: Architecture = { ...llama, width: 16, heads: 2, kvHeads: 1, feedForward: 24, vocabulary: 264 };

export const TOKENIZER = tokenizerJson(await trainBpe(["the end of the test"], { vocabulary: 260 }));

export type Dtype = "F32" | "BF16" | "F16";

export interface FolderOptions {
  readonly architecture?: Architecture;
  readonly dtype?: Dtype;
  readonly seed?: number;
  /** Contents of files by name; null: none, where there would be one. */
  readonly files?: Readonly<Record<string, unknown>>;
  /** Changes a tensor's values before they are stored. */
  readonly values?: (parameter: Parameter, values: Float32Array) => Float32Array;
}

/** Writes a model and returns its folder. Norms and biases are random too, so that a mix-up of them shows. */
export function modelFolder(options: FolderOptions = {}): string {
  const { architecture = SMALL, dtype = "F32", seed = 1, files = {}, values = (_, same) => same } = options;
  const folder = newFolder();
  const config = toHuggingFaceConfig(architecture, { dtype: "float32", endOfText: 0 });
  const all = {
    "config.json": config,
    "tokenizer.json": TOKENIZER,
    "tokenizer_config.json": { tokenizer_class: "PreTrainedTokenizerFast", eos_token: END_OF_TEXT },
    ...files,
  };
  for (const [name, content] of Object.entries(all))
    if (content !== null)
      writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  const table = parameterTable(architecture).map((each) => ({
    ...each,
    initial: { kind: "normal", deviation: 0.3 } as const,
  }));
  const weights = [...initialWeights(table, seed)];
  const data = weights.map((weight, index) => encode(values(table[index], weight.data), dtype));
  writeFileSync(join(folder, "model.safetensors"), Buffer.concat([headerOf(table, dtype), ...data]));
  return folder;
}

/** An F16 header is a BF16 one with the other name, as long as before. */
function headerOf(table: readonly Parameter[], dtype: Dtype): Buffer {
  const header = encodeHeader(table.map((each) => ({ ...each, dtype: dtype === "F32" ? "F32" : "BF16" })));
  return Buffer.from(Buffer.from(header).toString("latin1").replaceAll('"BF16"', `"${dtype}"`.padEnd(6)), "latin1");
}

function encode(values: Float32Array, dtype: Dtype): Uint8Array {
  if (dtype === "F32") return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const halves = new Uint16Array(values.length);
  if (dtype === "BF16") toBf16(values, halves);
  // Any pattern is a number of the type: those below 1 in magnitude.
  else
    values.forEach((value, i) => {
      halves[i] = (Math.round(Math.abs(value) * 0x2000) % 0x3c00) | (value < 0 ? 0x8000 : 0);
    });
  return Buffer.from(halves.buffer);
}

/** Values as bf16 has them. */
export function bf16Of(values: Float32Array): Float32Array {
  const halves = new Uint16Array(values.length);
  toBf16(values, halves);
  const out = new Float32Array(values.length);
  fromBf16(halves, out);
  return out;
}

interface RawTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: string;
}

/** The tensors of all safetensors files of a folder, bytes as hexadecimal, read by nothing of ours. */
export function rawTensors(folder: string): Record<string, RawTensor> {
  const found: Record<string, RawTensor> = {};
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".safetensors"))) {
    const file = readFileSync(join(folder, name));
    const start = 8 + Number(file.readBigUInt64LE());
    const { __metadata__: _, ...header } = JSON.parse(file.subarray(8, start).toString("utf8"));
    for (const [
      tensor,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ] of Object.entries<{
      dtype: string;
      shape: number[];
      data_offsets: [number, number];
    }>(header))
      found[tensor] = { dtype, shape, bytes: file.subarray(start + begin, start + end).toString("hex") };
  }
  return found;
}

export function readJsonFile(folder: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, name), "utf8"));
}

/** Options that write into a new place. */
export function exportOptions(changes: Partial<ExportOptions> = {}): ExportOptions {
  const parent = newFolder();
  mkdirSync(join(parent, "beside"));
  return {
    output: join(parent, "out"),
    dtype: "BF16",
    maxShardBytes: 5e9,
    verify: "logits",
    force: false,
    openEngine: async (architecture) => (await createEngine(architecture, undefined, { kind: "tfjs-cpu" })).engine,
    onProgress: () => {},
    ...changes,
  };
}

/** Exports a folder as it is. */
export async function exported(folder: string, changes: Partial<ExportOptions> = {}) {
  const options = exportOptions(changes);
  return { options, report: await exportModel(await openModel(folder), [folder], options) };
}
