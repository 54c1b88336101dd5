/**
 * Writes a model as a Hugging Face folder that `transformers`, vLLM and llama.cpp's converter open, and proves it before it takes its name:
 * written aside, flushed, read back, compared, renamed.
 */
import { mkdir, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { sizeOf } from "../base/dims.js";
import { asDiskError, partialName, syncFolder } from "../base/files.js";
import { copyHashed, writeHashed } from "../checkpoint/hashed-file.js";
import { encodeJson } from "../checkpoint/json.js";
import { writeSafetensors } from "../checkpoint/safetensors.js";
import type { StoredDtype } from "../checkpoint/safetensors-header.js";
import { publish } from "../checkpoint/save.js";
import { INDEX_FILE } from "../checkpoint/tensor-files.js";
import type { Engine } from "../engine/engine.js";
import type { Architecture } from "../model/architecture.js";
import { type ConfigFiles, configFiles } from "./config-files.js";
import { asStored, type Model, type ModelTensor } from "./model.js";
import { checkOutput, makeParent } from "./output.js";
import type { Drift } from "./probe.js";
import { checkedValues } from "./values.js";
import { driftFrom, verifyLogits, verifyTensors } from "./verify.js";
import { spreadOverFiles, weightIndex } from "./weight-files.js";

/** `tensors`: every tensor is read back; `logits`: and an engine computes from the files what it computes from the model. */
export const VERIFICATIONS = ["none", "tensors", "logits"] as const;
export type Verification = (typeof VERIFICATIONS)[number];

export interface ExportOptions {
  /** The folder to make. */
  readonly output: string;
  readonly dtype: StoredDtype;
  /** Most bytes of tensors in one file. */
  readonly maxShardBytes: number;
  readonly verify: Verification;
  /** An exported folder of the same name is replaced. */
  readonly force: boolean;
  /** Opens the engine that `logits` computes with; it is disposed of here. */
  readonly openEngine: (architecture: Architecture) => Promise<Engine>;
  readonly onProgress: (text: string) => void;
}

export interface ExportReport {
  readonly output: string;
  readonly dtype: StoredDtype;
  readonly parameters: number;
  /** Names of the files, in the order written. */
  readonly files: readonly string[];
  readonly bytes: number;
  readonly verified: Verification;
  /** Name of the engine that the logits were compared on; null when they were not. */
  readonly engine: string | null;
  /** What rounding to bf16 did; null where nothing was measured. */
  readonly drift: Drift | null;
  readonly warnings: readonly string[];
}

/**
 * @param sources the folders that the model is made of; configuration and tokenizer are the first one's.
 * @throws UserError when the output exists, the disk is full, a value does not fit, or what was written is not what was meant. Then nothing
 * is left of it.
 */
export async function exportModel(
  model: Model,
  sources: readonly [string, ...string[]],
  options: ExportOptions,
): Promise<ExportReport> {
  const output = resolve(options.output);
  await checkOutput(output, sources, options.force);
  const config = await configFiles(sources[0], model.architecture, options.dtype);
  const partial = partialName(output);
  const unmakeParent = await makeParent(output);
  try {
    await mkdir(partial);
    const { files, bytes, warnings } = await writeFolder(partial, model, config, options);
    await syncFolder(partial);
    const proof = await verified(partial, model, options);
    options.onProgress(`giving ${basename(output)} its name`);
    await publish(dirname(output), partial, output);
    return {
      ...{ output: options.output, dtype: options.dtype, files, bytes, ...proof },
      parameters: model.tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      warnings: [...config.warnings, ...warnings],
    };
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    await unmakeParent();
    throw asDiskError(error, output);
  }
}

interface Written {
  readonly files: readonly string[];
  readonly bytes: number;
  readonly warnings: readonly string[];
}

async function writeFolder(
  folder: string,
  { tensors }: Model,
  { written, copied }: ConfigFiles,
  { dtype, maxShardBytes, onProgress }: ExportOptions,
): Promise<Written> {
  const files: string[] = [];
  const warnings: string[] = [];
  let bytes = 0;
  const write = async (name: string, how: (path: string) => ReturnType<typeof writeHashed>): Promise<void> => {
    bytes += (await how(join(folder, name))).bytes;
    files.push(name);
  };
  const writeJson = (name: string, content: unknown) =>
    write(name, (path) => writeHashed(path, (sink) => sink(Buffer.from(encodeJson(content)))));
  for (const [name, content] of Object.entries(written)) await writeJson(name, content);
  for (const [name, source] of Object.entries(copied)) await write(name, (path) => copyHashed(source, path));
  const weightFiles = spreadOverFiles(
    tensors.map((tensor) => ({ ...tensor, dtype })),
    maxShardBytes,
  );
  if (weightFiles.length > 1) await writeJson(INDEX_FILE, weightIndex(weightFiles));
  async function* valuesOf(own: readonly ModelTensor[]) {
    for (const tensor of own) {
      onProgress(`writing ${tensor.name}`);
      yield* checkedValues(tensor, dtype, warnings);
    }
  }
  for (const file of weightFiles)
    await write(file.name, (path) =>
      writeHashed(path, (sink) => writeSafetensors(sink, file.tensors, valuesOf(file.tensors))),
    );
  return { files, bytes, warnings };
}

async function verified(
  folder: string,
  model: Model,
  { dtype, verify, openEngine, onProgress }: ExportOptions,
): Promise<Pick<ExportReport, "verified" | "engine" | "drift">> {
  const nothing = { verified: verify, engine: null, drift: null };
  if (verify === "none") return nothing;
  const expected = asStored(model, dtype);
  await verifyTensors(folder, expected, (name) => onProgress(`reading back ${name}`));
  if (verify === "tensors") return nothing;
  onProgress("comparing logits");
  using engine = await openEngine(model.architecture);
  const logits = await verifyLogits(engine, folder, expected);
  const drift = dtype === "BF16" ? await driftFrom(engine, model, logits) : null;
  return { verified: verify, engine: engine.describe().name, drift };
}
