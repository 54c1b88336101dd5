/**
 * The reference against Hugging Face's Llama, Mistral, Qwen2, Qwen3 and SmolLM3 (`scripts/golden/decoder.py`): torch's float32 results are held
 * to the tolerance that every engine is held to. What an engine then shares with the reference, it shares with them.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/data/batch.js";
import type { AdamWStep } from "../../src/engine/engine.js";
import type { Architecture } from "../../src/model/architecture.js";
import { parameterTable } from "../../src/model/parameters.js";
import { expectationOf, expectClose, type Results } from "../engine/tolerance.js";
import { adamW } from "./adamw.js";
import type { Arithmetic } from "./arithmetic.js";
import { ReferenceDecoder, type Tensors } from "./decoder.js";

interface Packed {
  readonly shape: readonly number[];
  readonly float32: string;
}

interface Golden {
  readonly architecture: Architecture;
  readonly rows: number;
  readonly length: number;
  readonly tokens: readonly (readonly number[])[];
  readonly lossSum: number;
  readonly logits: Packed;
  readonly weights: Readonly<Record<string, Packed>>;
  readonly gradients: Readonly<Record<string, Packed>>;
  readonly steps: number;
  readonly adamw: Omit<AdamWStep, "clipScale" | "update">;
  readonly trained: Readonly<Record<string, Packed>>;
}

function read(name: string): Golden {
  return JSON.parse(readFileSync(new URL(`../golden/decoder/${name}.json`, import.meta.url), "utf8")) as Golden;
}

function unpacked({ float32 }: Packed): Float64Array {
  const bytes = Buffer.from(float32, "base64");
  return Float64Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index));
}

function all(packed: Readonly<Record<string, Packed>>): Tensors {
  return new Map(Object.entries(packed).map(([name, tensor]) => [name, unpacked(tensor)]));
}

function batchOf({ rows, length, tokens }: Golden): Batch {
  return {
    rows,
    length,
    inputs_BT: Int32Array.from(tokens.flatMap((row) => row.slice(0, -1))),
    targets_BT: Int32Array.from(tokens.flatMap((row) => row.slice(1))),
    lossMask_BT: new Uint8Array(rows * length).fill(1),
    documentStart_BT: new Int32Array(rows * length),
    domains_B: new Int32Array(rows),
  };
}

function trainedBy(a: Arithmetic, golden: Golden): Results {
  const { architecture, rows, length, adamw } = golden;
  const weights = all(golden.weights);
  const trained = parameterTable(architecture).map(({ name, decays }) => {
    const weight = weights.get(name) ?? new Float64Array();
    const moments = { moment1: new Float64Array(weight.length), moment2: new Float64Array(weight.length) };
    return { name, decays, weight, ...moments };
  });
  for (let update = 1; update <= golden.steps; update++) {
    const gradients = new ReferenceDecoder(a, architecture, weights).gradients(batchOf(golden), 1 / (rows * length));
    const step = { ...adamw, clipScale: 1, update };
    for (const one of trained) adamW(a, one, gradients.get(one.name) ?? new Float64Array(), step, one.decays);
  }
  return weights;
}

describe.each(["llama", "mistral", "qwen2", "qwen3", "smollm3"])("reference decoder and Hugging Face's %s", (name) => {
  const golden = read(name);
  const { architecture, rows, length } = golden;
  const reference = (a: Arithmetic): ReferenceDecoder => new ReferenceDecoder(a, architecture, all(golden.weights));

  it("have the same parameters, by name and shape", () => {
    const table = parameterTable(architecture).map((parameter) => [parameter.name, parameter.shape]);
    expect(Object.fromEntries(table)).toEqual(
      Object.fromEntries(Object.entries(golden.weights).map(([key, { shape }]) => [key, shape])),
    );
  });

  it("have the same logits and loss", () => {
    expectClose(
      new Map([["logits", unpacked(golden.logits)]]),
      expectationOf((a) => new Map([["logits", reference(a).forward(batchOf(golden)).logits]])),
    );
    // torch returns the sum as one float32: its terms' errors add up (Cauchy), and each of N additions may round.
    const losses = expectationOf((a) => new Map([["losses", reference(a).losses(batchOf(golden))]]));
    const exact = Array.from(losses.exact.get("losses") ?? []).reduce((total, loss) => total + loss, 0);
    const limit = Math.sqrt(rows * length) * (losses.allowed.get("losses") ?? 0);
    expect(Math.abs(golden.lossSum - exact)).toBeLessThanOrEqual(limit + rows * length * 2 ** -24 * exact);
  });

  it("have the same gradients", () => {
    expectClose(
      all(golden.gradients),
      expectationOf((a) => reference(a).gradients(batchOf(golden), 1 / (rows * length))),
    );
  });

  it("have the same weights after ten AdamW steps", () => {
    expectClose(
      all(golden.trained),
      expectationOf((a) => trainedBy(a, golden)),
    );
  });
});
