import * as tf from "@tensorflow/tfjs-core";
import { createEngine } from "./src/engine/select.js";
import { parameterTable } from "./src/model/parameters.js";
import { initialWeights } from "./src/model/initialise.js";
const arch = { width: 96, layers: 3, heads: 4, kvHeads: 2, headWidth: 24, feedForward: 256, vocabulary: 4096, maxLength: 256, ropeTheta: 10000, ropeScaling: null, normEpsilon: 1e-5, tied: true, qkvBias: false, qkNorm: false, slidingWindow: null };
const table = parameterTable(arch);
const { engine, why } = await createEngine(arch, table, { kind: (process.argv[2] ?? "tfjs-wasm") as never });
console.log(why);
engine.load(initialWeights(table, 1));
const B = 8, T = 128;
let s = 1; const rnd = () => (s = (s * 1103515245 + 12345) % 2147483648) / 2147483648;
const ids = Int32Array.from({ length: B * T + 1 }, () => Math.floor(rnd() ** 3 * 4096));
const batch = { rows: B, length: T, inputs_BT: ids.slice(0, -1), targets_BT: ids.slice(1), lossMask_BT: new Uint8Array(B * T).fill(1), documentStart_BT: new Int32Array(B * T), domains_B: new Int32Array(B) };
const prof = process.argv[3] === "prof";
const flops = new Map<string, number>();
const times = new Map<string, [number, number]>();
if (prof) {
  const backendName = tf.getBackend();
  for (const k of tf.getKernelsForBackend(backendName)) {
    tf.unregisterKernel(k.kernelName, backendName);
    tf.registerKernel({ ...k, kernelFunc: (p) => { const t = performance.now(); const r = k.kernelFunc(p); const e = times.get(k.kernelName) ?? [0, 0]; const dt = performance.now() - t; e[0] += dt; e[1]++; times.set(k.kernelName, e);
 if (k.kernelName === "BatchMatMul") { const { a, b } = p.inputs as never as Record<string, tf.TensorInfo>; const at = p.attrs as never as Record<string, boolean>; const key = `MM ${a!.shape}${at["transposeA"] ? "T" : ""} x ${b!.shape}${at["transposeB"] ? "T" : ""}`; const f = times.get(key) ?? [0, 0]; f[0] += dt; f[1]++; times.set(key, f); flops.set(key, 2 * a!.shape.reduce((x, y) => x * y, 1) * (at["transposeB"] ? b!.shape.at(-2)! : b!.shape.at(-1)!)); }
 if (k.kernelName === "Multiply") { const { a, b } = p.inputs as never as Record<string, tf.TensorInfo>; const key = `MUL ${a!.shape} x ${b!.shape}`; const f = times.get(key) ?? [0, 0]; f[0] += dt; f[1]++; times.set(key, f); }
 return r; } });
  }
}
let cpu = process.cpuUsage();
for (let step = 1; step <= 12; step++) {
  if (step === 3) { times.clear(); cpu = process.cpuUsage(); }
  const a = performance.now();
  const r = await engine.accumulate(batch, 1 / (B * T));
  const b = performance.now();
  const norm = await engine.gradientNorm();
  const c = performance.now();
  await engine.update({ learningRate: 4e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipScale: Math.min(1, 1 / norm), update: step });
  const d = performance.now();
  const loss = r.lossSum_B.reduce((x, y) => x + y) / (B * T);
  console.log(step, loss.toFixed(4), norm.toFixed(3), `acc ${(b - a).toFixed(0)} norm ${(c - b).toFixed(0)} upd ${(d - c).toFixed(0)} ms`, `${((B * T) / (d - a) * 1000).toFixed(0)} tok/s`, tf.memory().numTensors);
}
const used = process.cpuUsage(cpu); const ms = (used.user + used.system) / 1e4; console.log(`cpu ${ms.toFixed(0)} ms/step, user ${(used.user/1e4).toFixed(0)}, ${(B * T / ms * 1000).toFixed(0)} tok/s by cpu time`);
const e0 = performance.now(); await engine.evaluate(batch); console.log("evaluate", (performance.now() - e0).toFixed(0), "ms");
if (prof) { const n = 10; let tot = 0; for (const [k, [ms, c]] of [...times].sort((x, y) => y[1][0] - x[1][0])) { tot += ms; console.log(k.padEnd(20), (ms / n).toFixed(2), "ms/step", (c / n).toFixed(1), "calls", flops.has(k) ? ((flops.get(k)! * c) / ms / 1e6).toFixed(1) + " GF/s" : ""); } console.log("sum", tot / n); }
