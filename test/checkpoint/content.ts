/** Checkpoints to save and folders to save them in. Tensor values depend on the step, so that a mix of two checkpoints shows. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { CheckpointContent, TrainerState } from "../../src/checkpoint/format.js";
import type { OpenCheckpoint } from "../../src/checkpoint/load.js";
import type { EngineTensor, TensorKind, TensorSource } from "../../src/engine/engine.js";
import { gathered } from "../../src/engine/seam.js";

/** A new folder that is removed when the test ends. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Floats of every kind: zeros of both signs, subnormals, infinities, quiet and signalling NaNs with payloads, largest and smallest. */
export const AWKWARD_BITS = [
  ...[0x00000000, 0x80000000, 0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff],
  ...[0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f800001, 0xff80abcd],
];

export function tensor(name: string, kind: TensorKind, bits: readonly number[]): EngineTensor {
  return { name, kind, shape: [bits.length], data: new Float32Array(Uint32Array.from(bits).buffer) };
}

export function bitsOf(data: Float32Array): number[] {
  return [...new Uint32Array(data.buffer, data.byteOffset, data.length)];
}

export function trainerState(step: number): TrainerState {
  return {
    format: 1,
    step,
    updates: step,
    stage: "mix",
    ledger: { text: { tokens: step * 128, epoch: 0 } },
    startLedger: null,
    plan: { run: "test", seed: 1 },
    architecture: { width: 8 },
    fingerprints: { order: "o", tokenizer: "t", domains: { text: "d" } },
    evaluations: [],
    base: null,
    versions: { hephaestus: "0", node: process.version },
  };
}

/** The configuration of a decoder small enough to be written by hand. */
export const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 16,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 4,
  hidden_act: "silu",
  max_position_embeddings: 32,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
};

/** Content that is in memory. */
export interface WholeContent extends CheckpointContent {
  readonly weights: readonly EngineTensor[];
  readonly moments: readonly EngineTensor[];
}

/** A checkpoint of two weights with their moments; the larger has `floats` elements. */
export function contentOf(step: number, floats = 100): WholeContent {
  const large = (kind: TensorKind, offset: number): EngineTensor => ({
    name: "model.layers.0.mlp.up_proj.weight",
    kind,
    shape: [floats / 2, 2],
    data: Float32Array.from({ length: floats }, (_, i) => step + offset + i / 8),
  });
  const small = (kind: TensorKind) => tensor("model.norm.weight", kind, AWKWARD_BITS);
  return {
    step,
    config: CONFIG,
    weights: [small("weight"), large("weight", 0)],
    moments: [small("moment1"), large("moment1", 1), small("moment2"), large("moment2", 2)],
    trainer: trainerState(step),
    attachments: {},
  };
}

/** What two tensors must share to be the same, bit for bit. */
export function comparable({ name, kind, shape, data }: EngineTensor) {
  return { name, kind, shape, bits: bitsOf(data) };
}

/** Tensors with all their values. */
export async function wholeTensors(sources: Iterable<TensorSource>): Promise<EngineTensor[]> {
  const tensors: EngineTensor[] = [];
  for (const source of sources) {
    const { name, kind, shape } = source;
    tensors.push({ name, kind, shape, data: await gathered(source) });
  }
  return tensors;
}

/** Everything in an open checkpoint, as it can be compared with `savedView` of what was saved. */
export async function openedView({ config, trainer, weights, moments }: OpenCheckpoint) {
  const [ofWeights, ofMoments] = [await wholeTensors(weights()), await wholeTensors(moments())];
  return { config, trainer, weights: ofWeights.map(comparable), moments: ofMoments.map(comparable) };
}

export function savedView({ config, trainer, weights, moments }: WholeContent) {
  return { config, trainer, weights: weights.map(comparable), moments: moments.map(comparable) };
}
