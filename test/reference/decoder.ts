/**
 * The decoder of `src/model/architecture.ts` in plain loops: forward, then backward in mirrored order. Written to be read, not to be fast.
 * Weights are looked up by their Hugging Face names; gradients are added up under the same names.
 */

import type { Batch } from "../../src/data/batch.js";
import type { Architecture } from "../../src/model/architecture.js";
import { type Arithmetic, add, at, fill, type Values } from "./arithmetic.js";
import { attention, attentionGradient } from "./attention.js";
import { linear, linearGradient } from "./linear.js";
import { lossGradient, tokenLosses } from "./loss.js";
import { rmsNorm, rmsNormGradient } from "./norm.js";
import { rope } from "./rope.js";

export type Tensors = Map<string, Values>;

const EMBEDDING = "model.embed_tokens.weight";

/** What the backward pass needs of one layer. */
interface LayerMemory {
  readonly input: Values;
  readonly attentionInput: Values;
  /** Projections before their norm and rotation. */
  readonly projected: { readonly q: Values; readonly k: Values };
  readonly rotated: { readonly q: Values; readonly k: Values; readonly v: Values };
  readonly mixed: Values;
  readonly middle: Values;
  readonly mlpInput: Values;
  readonly gate: Values;
  readonly up: Values;
  readonly activated: Values;
}

export interface Forward {
  readonly layers: readonly LayerMemory[];
  readonly last: Values;
  readonly hidden: Values;
  /** [N, V]. */
  readonly logits: Values;
}

/** One model in one arithmetic. */
export class ReferenceDecoder {
  readonly #a: Arithmetic;
  readonly #architecture: Architecture;
  readonly #weights: Tensors;

  constructor(arithmetic: Arithmetic, architecture: Architecture, weights: Tensors) {
    this.#a = arithmetic;
    this.#architecture = architecture;
    this.#weights = weights;
  }

  forward(batch: Batch): Forward {
    const { width, layers: count, normEpsilon } = this.#architecture;
    const embedding = this.#weight(EMBEDDING);
    let x = fill(this.#a, batch.inputs_BT.length * width, (index) => {
      const token = batch.inputs_BT[Math.floor(index / width)] as number;
      return at(embedding, token * width + (index % width));
    });
    const layers: LayerMemory[] = [];
    for (let layer = 0; layer < count; layer++) {
      const memory = this.#layer(batch, x, layer);
      layers.push(memory);
      x = add(this.#a, memory.middle, this.#linear(memory.activated, `model.layers.${layer}.mlp.down_proj`));
    }
    const hidden = rmsNorm(this.#a, x, this.#weight("model.norm.weight"), normEpsilon);
    return { layers, last: x, hidden, logits: linear(this.#a, hidden, this.#weight(this.#head()), width, null) };
  }

  /** Loss of every token, [N]. */
  losses(batch: Batch): Values {
    return tokenLosses(this.#a, batch, this.forward(batch).logits);
  }

  /** Gradient of scale · Σ loss towards every weight. */
  gradients(batch: Batch, scale: number): Tensors {
    const { width, layers: count, normEpsilon } = this.#architecture;
    const { layers, last, hidden, logits } = this.forward(batch);
    const gradients: Tensors = new Map();
    const dLogits = lossGradient(this.#a, batch, logits, scale);
    const head = linearGradient(this.#a, dLogits, hidden, this.#weight(this.#head()), width);
    this.#collect(gradients, this.#head(), head.dWeight);
    const norm = rmsNormGradient(this.#a, head.dx, last, this.#weight("model.norm.weight"), normEpsilon);
    this.#collect(gradients, "model.norm.weight", norm.dWeight);
    let dx = norm.dx;
    for (let layer = count - 1; layer >= 0; layer--)
      dx = this.#layerGradient(batch, layers[layer] as LayerMemory, dx, layer, gradients);
    this.#collect(gradients, EMBEDDING, this.#lookupGradient(batch, dx));
    return gradients;
  }

  #layer(batch: Batch, input: Values, layer: number): LayerMemory {
    const name = `model.layers.${layer}`;
    const { normEpsilon, qkNorm, nopeLayers } = this.#architecture;
    const attentionInput = rmsNorm(this.#a, input, this.#weight(`${name}.input_layernorm.weight`), normEpsilon);
    const project = (head: string): Values => this.#linear(attentionInput, `${name}.self_attn.${head}_proj`);
    const projected = { q: project("q"), k: project("k") };
    const turned = (head: "q" | "k"): Values => {
      const weight = qkNorm ? this.#weight(`${name}.self_attn.${head}_norm.weight`) : null;
      const normed = weight === null ? projected[head] : rmsNorm(this.#a, projected[head], weight, normEpsilon);
      if (nopeLayers.includes(layer)) return normed;
      return rope(this.#a, this.#architecture, normed, positionsOf(batch), 1);
    };
    const rotated = { q: turned("q"), k: turned("k"), v: project("v") };
    const mixed = attention(this.#a, this.#architecture, batch, rotated);
    const middle = add(this.#a, input, this.#linear(mixed, `${name}.self_attn.o_proj`));
    const mlpInput = rmsNorm(this.#a, middle, this.#weight(`${name}.post_attention_layernorm.weight`), normEpsilon);
    const gate = this.#linear(mlpInput, `${name}.mlp.gate_proj`);
    const up = this.#linear(mlpInput, `${name}.mlp.up_proj`);
    const activated = fill(this.#a, gate.length, (index) => {
      const silu = this.#a.round(at(gate, index) * this.#sigmoid(at(gate, index)));
      return silu * at(up, index);
    });
    return { input, attentionInput, projected, rotated, mixed, middle, mlpInput, gate, up, activated };
  }

  /** Gradient towards the layer's input; the weights' gradients are added to `into`. */
  #layerGradient(batch: Batch, memory: LayerMemory, dOutput: Values, layer: number, into: Tensors): Values {
    const name = `model.layers.${layer}`;
    const dActivated = this.#linearGradient(dOutput, memory.activated, `${name}.mlp.down_proj`, into);
    const dMlpInput = this.#mlpGradient(memory, dActivated, name, into);
    const dMiddle = add(
      this.#a,
      dOutput,
      this.#normGradient(dMlpInput, memory.middle, `${name}.post_attention_layernorm`, into),
    );
    const dMixed = this.#linearGradient(dMiddle, memory.mixed, `${name}.self_attn.o_proj`, into);
    const dAttentionInput = this.#attentionGradient(batch, memory, dMixed, layer, into);
    return add(this.#a, dMiddle, this.#normGradient(dAttentionInput, memory.input, `${name}.input_layernorm`, into));
  }

  /** silu(g) = g σ(g), so silu′(g) = σ(g) (1 + g (1 − σ(g))). */
  #mlpGradient({ mlpInput, gate, up }: LayerMemory, dActivated: Values, name: string, into: Tensors): Values {
    const { round } = this.#a;
    const dGate = fill(this.#a, gate.length, (index) => {
      const g = at(gate, index);
      const s = this.#sigmoid(g);
      return round(at(dActivated, index) * at(up, index)) * round(s * round(1 + round(g * round(1 - s))));
    });
    const dUp = fill(this.#a, up.length, (index) => {
      const silu = round(at(gate, index) * this.#sigmoid(at(gate, index)));
      return at(dActivated, index) * silu;
    });
    return add(
      this.#a,
      this.#linearGradient(dGate, mlpInput, `${name}.mlp.gate_proj`, into),
      this.#linearGradient(dUp, mlpInput, `${name}.mlp.up_proj`, into),
    );
  }

  #attentionGradient(batch: Batch, memory: LayerMemory, dMixed: Values, layer: number, into: Tensors): Values {
    const name = `model.layers.${layer}.self_attn`;
    const { qkNorm, nopeLayers } = this.#architecture;
    const { attentionInput, projected, rotated } = memory;
    const { dq, dk, dv } = attentionGradient(this.#a, this.#architecture, batch, rotated, dMixed);
    const back = (head: "q" | "k", dTurned: Values): Values => {
      const rotates = !nopeLayers.includes(layer);
      const dNormed = rotates ? rope(this.#a, this.#architecture, dTurned, positionsOf(batch), -1) : dTurned;
      if (!qkNorm) return dNormed;
      return this.#normGradient(dNormed, projected[head], `${name}.${head}_norm`, into);
    };
    const fromQ = this.#linearGradient(back("q", dq), attentionInput, `${name}.q_proj`, into);
    const fromK = this.#linearGradient(back("k", dk), attentionInput, `${name}.k_proj`, into);
    return add(this.#a, add(this.#a, fromQ, fromK), this.#linearGradient(dv, attentionInput, `${name}.v_proj`, into));
  }

  #normGradient(dy: Values, x: Values, name: string, into: Tensors): Values {
    const weight = this.#weight(`${name}.weight`);
    const { dx, dWeight } = rmsNormGradient(this.#a, dy, x, weight, this.#architecture.normEpsilon);
    this.#collect(into, `${name}.weight`, dWeight);
    return dx;
  }

  #linear(x: Values, name: string): Values {
    const weight = this.#weight(`${name}.weight`);
    return linear(this.#a, x, weight, this.#inputsOf(name), this.#weights.get(`${name}.bias`) ?? null);
  }

  #linearGradient(dy: Values, x: Values, name: string, into: Tensors): Values {
    const { dx, dWeight, dBias } = linearGradient(this.#a, dy, x, this.#weight(`${name}.weight`), this.#inputsOf(name));
    this.#collect(into, `${name}.weight`, dWeight);
    if (this.#weights.has(`${name}.bias`)) this.#collect(into, `${name}.bias`, dBias);
    return dx;
  }

  #inputsOf(name: string): number {
    const { width, heads, headWidth, feedForward } = this.#architecture;
    if (name.endsWith("o_proj")) return heads * headWidth;
    return name.endsWith("down_proj") ? feedForward : width;
  }

  #lookupGradient(batch: Batch, dx: Values): Values {
    const { width, vocabulary } = this.#architecture;
    const gradient = new Float64Array(vocabulary * width);
    dx.forEach((value, index) => {
      const place = (batch.inputs_BT[Math.floor(index / width)] as number) * width + (index % width);
      gradient[place] = this.#a.round(at(gradient, place) + value);
    });
    return gradient;
  }

  #collect(into: Tensors, name: string, gradient: Values): void {
    const before = into.get(name);
    into.set(name, before === undefined ? gradient : add(this.#a, before, gradient));
  }

  #sigmoid(value: number): number {
    const { round } = this.#a;
    return round(1 / round(1 + round(Math.exp(-value))));
  }

  #head(): string {
    return this.#architecture.tied ? EMBEDDING : "lm_head.weight";
  }

  #weight(name: string): Values {
    const values = this.#weights.get(name);
    if (values === undefined) throw new Error(`the reference has no weight ${name}`);
    return values;
  }
}

/** Rotary position of every token: its distance from the start of its document. */
function positionsOf(batch: Batch): number[] {
  return Array.from(batch.documentStart_BT, (start, index) => (index % batch.length) - start);
}
