/**
 * The parameters of an arena by the role that they play in the decoder. Over the weights these are the weights, over the gradients the
 * gradients: forward and backward call both by the same names.
 */
import type { Architecture } from "../../model/architecture.js";
import { EMBEDDING } from "../../model/parameters.js";
import type { Buffer, Device } from "./device.js";
import { type ArenaLayout, spanOf } from "./layout.js";

/** X = (H + 2K)·D columns of q, k and v; G = 2F columns of gate and up. Matrices are [out, in]. */
export interface LayerRoles {
  readonly inputNorm_C: Buffer;
  readonly qkv_XC: Buffer;
  /** Null without biases. */
  readonly qkvBias_X: Buffer | null;
  /** Null without norms on q and k. */
  readonly headNorms: { readonly q_D: Buffer; readonly k_D: Buffer } | null;
  /** [C, H·D]. */
  readonly output_CX: Buffer;
  readonly middleNorm_C: Buffer;
  readonly gateUp_GC: Buffer;
  readonly down_CF: Buffer;
}

export interface Roles {
  readonly embedding_VC: Buffer;
  readonly layers: readonly LayerRoles[];
  readonly finalNorm_C: Buffer;
  /** The embedding itself when they are tied, so that both uses add to one gradient. */
  readonly head_VC: Buffer;
}

/** Views of an arena. */
export function rolesOf(device: Device, arena: Buffer, layout: ArenaLayout, architecture: Architecture): Roles {
  const view = (...names: readonly string[]): Buffer => {
    const { start, shape } = spanOf(layout, names);
    return device.view(arena, `${arena.name} ${names.join(" ")}`, start, shape);
  };
  return {
    embedding_VC: view(EMBEDDING),
    layers: Array.from({ length: architecture.layers }, (_, layer) => layerRoles(architecture, layer, view)),
    finalNorm_C: view("model.norm.weight"),
    head_VC: view(architecture.tied ? EMBEDDING : "lm_head.weight"),
  };
}

function layerRoles(
  { qkvBias, qkNorm }: Architecture,
  layer: number,
  view: (...names: readonly string[]) => Buffer,
): LayerRoles {
  const inLayer = `model.layers.${layer}`;
  const inAttention = `${inLayer}.self_attn`;
  const projections = ["q_proj", "k_proj", "v_proj"].map((name) => `${inAttention}.${name}`);
  return {
    inputNorm_C: view(`${inLayer}.input_layernorm.weight`),
    qkv_XC: view(...projections.map((name) => `${name}.weight`)),
    qkvBias_X: qkvBias ? view(...projections.map((name) => `${name}.bias`)) : null,
    headNorms: qkNorm ? { q_D: view(`${inAttention}.q_norm.weight`), k_D: view(`${inAttention}.k_norm.weight`) } : null,
    output_CX: view(`${inAttention}.o_proj.weight`),
    middleNorm_C: view(`${inLayer}.post_attention_layernorm.weight`),
    gateUp_GC: view(`${inLayer}.mlp.gate_proj.weight`, `${inLayer}.mlp.up_proj.weight`),
    down_CF: view(`${inLayer}.mlp.down_proj.weight`),
  };
}
