/**
 * Trains a decoder on made-up tokens for a few steps, straight on the CUDA engine: what sanitizers watch, and how long a first step takes.
 *   node scripts/gpu/train-steps.mjs [--shape width=…,layers=…] [--precision fp32|bf16|bf16-lean] [--steps 3] [--cache FOLDER] [--limit SECONDS]
 * Prints one line of JSON; ends with 1 when a loss is no number or the first step takes longer than the limit, with 77 when there is no card.
 * Needs dist/ (`npm run build`).
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseShape } from "../../dist/bench/shape.js";
import { openCudaDevice } from "../../dist/engine/native/cuda/device.js";
import { placesFrom } from "../../dist/engine/native/cuda/ffi/libraries.js";
import { NativeEngine } from "../../dist/engine/native/engine.js";
import { PRECISIONS } from "../../dist/engine/native/precision.js";
import { parameterTable } from "../../dist/model/parameters.js";
import { cardMissing } from "./probe.mjs";

const { values: options } = parseArgs({
  options: {
    shape: { type: "string", default: "width=64,layers=2,heads=4,kv=2,ff=176,vocab=500,batch=2,length=96" },
    precision: { type: "string", default: "bf16" },
    steps: { type: "string", default: "3" },
    cache: { type: "string" },
    limit: { type: "string" },
  },
});

const missing = cardMissing();
if (missing !== null) {
  console.log(`skipped: ${missing}`);
  process.exit(77);
}

const { architecture, rows, length } = parseShape(options.shape);
const table = parameterTable(architecture);

/** Small numbers without a pattern; made quickly, for making weights is not what is timed. */
function numbers(count, seed) {
  const data = new Float32Array(count);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = state * 2 ** -31 * 0.04;
  }
  return data;
}

const weights = table.map(({ name, shape }, index) => {
  const data = numbers(
    shape.reduce((a, b) => a * b, 1),
    index + 1,
  );
  return { name, kind: "weight", shape, data: name.endsWith("norm.weight") ? data.fill(1) : data };
});
const tokens = Int32Array.from(
  { length: rows * (length + 1) },
  (_, i) => (i * 7919 + (i >> 3)) % architecture.vocabulary,
);
/** Inputs (from 0) or targets (from 1) of all rows. */
const rowsFrom = (from) =>
  Int32Array.from(
    { length: rows * length },
    (_, n) => tokens[Math.floor(n / length) * (length + 1) + (n % length) + from],
  );
const batch = {
  ...{ rows, length, inputs_BT: rowsFrom(0), targets_BT: rowsFrom(1), domains_B: new Int32Array(rows) },
  lossMask_BT: new Uint8Array(rows * length).fill(1),
  // Two documents in a row.
  documentStart_BT: Int32Array.from({ length: rows * length }, (_, n) =>
    n % length < length / 3 ? 0 : Math.ceil(length / 3),
  ),
};

const seconds = {};
let last = performance.now();
const lap = (name) => {
  const now = performance.now();
  seconds[name] = Math.round(now - last) / 1000;
  last = now;
};
const losses = [];
{
  const folder = options.cache;
  const cache = folder === undefined ? {} : { cacheFolder: folder, algorithms: join(folder, "algorithms.json") };
  const device = await openCudaDevice({ places: placesFrom(process.env), ...cache });
  lap("open");
  const name = "native-cuda";
  const engine = new NativeEngine(architecture, table, device, { name, precision: PRECISIONS[options.precision] });
  await engine.load(weights);
  lap("load");
  for (let update = 1; update <= Number(options.steps); update++) {
    const { lossSum_B, tokens_B } = await engine.accumulate(batch, 1 / (rows * length));
    const clipScale = 1 / Math.max(1, await engine.gradientNorm());
    const rates = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
    await engine.update({ ...rates, clipScale, update });
    losses.push([...lossSum_B].reduce((a, b) => a + b, 0) / [...tokens_B].reduce((a, b) => a + b, 0));
    lap(`step ${update}`);
  }
  await engine.evaluate({ ...batch, rows: 1, ...firstRow() });
  const copy = engine.copyOut(["weight"], 64 << 20);
  for (const { pieces } of copy.tensors) for await (const _ of pieces());
  copy[Symbol.dispose]();
  lap("evaluate a row, read the weights");
  engine[Symbol.dispose]();
}

/** The batch's first row alone. */
function firstRow() {
  const { inputs_BT, targets_BT, lossMask_BT, documentStart_BT } = batch;
  const [inputs, targets, mask, starts] = [inputs_BT, targets_BT, lossMask_BT, documentStart_BT].map((all) =>
    all.slice(0, length),
  );
  return {
    inputs_BT: inputs,
    targets_BT: targets,
    lossMask_BT: mask,
    documentStart_BT: starts,
    domains_B: new Int32Array(1),
  };
}

const first = seconds["open"] + seconds["load"] + seconds["step 1"];
const limit = options.limit === undefined ? null : Number(options.limit);
const kept = limit === null || first <= limit;
const { shape, precision } = options;
console.log(
  JSON.stringify({ shape, precision, losses, seconds, firstStep: Math.round(first * 1000) / 1000, limit, kept }),
);
if (!losses.every(Number.isFinite) || !kept) process.exitCode = 1;
