/**
 * Times every operation of the device interface on this machine's card at the sizes of a 1B to 8B model, beside its floor: the bytes it must
 * move over the card's measured copying speed, or its FLOPs over the measured speed of a large product, whichever is longer.
 *   node scripts/gpu/time-operations.mjs [--precision bf16|fp32] [--size real|small] [--repeats 20] [--json]
 * Each operation is timed by events in a program of `repeats` of it; several sets of buffers take turns, so that the cache does not help.
 * Needs dist/ (`npm run build`). Ends with 77 when there is no card.
 */
import { parseArgs } from "node:util";
import { openCudaDevice } from "../../dist/engine/native/cuda/device.js";
import { placesFrom } from "../../dist/engine/native/cuda/ffi/libraries.js";
import { operationCases } from "./operation-cases.mjs";
import { cardMissing } from "./probe.mjs";

const { values: options } = parseArgs({
  options: {
    precision: { type: "string", default: "bf16" },
    size: { type: "string", default: "real" },
    repeats: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
  },
});
const missing = cardMissing();
if (missing !== null) {
  console.log(`skipped: ${missing}`);
  process.exit(77);
}

const SETS = 3;
const small = options.size === "small";
const repeats = Number(options.repeats);
const float = options.precision === "fp32" ? "f32" : "bf16";
const { vocabulary, cases } = operationCases({ small, float });

const device = await openCudaDevice({ places: placesFrom(process.env) });

/** Numbers that are not all alike: products of zeros run faster than others. */
function filled(size, deviation) {
  const data = new Float32Array(size);
  let state = 123456789;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state * 2 ** -31 * deviation;
  }
  return data;
}

/** The best of three rounds, each the mean of its repeats. */
async function time(name, specs, call) {
  const sets = Array.from({ length: SETS }, () => {
    const buffers = device.allocate(specs.map(([dtype, ...shape], i) => ({ name: `${name} ${i}`, shape, dtype })));
    for (const buffer of buffers.values())
      if (buffer.dtype !== "i32") device.write(buffer, filled(buffer.size, name === "adamw" ? 0.01 : 1));
      else
        device.write(
          buffer,
          buffer.shape.length === 1 && name.startsWith("embed") ? spread(buffer.size) : new Int32Array(buffer.size),
        );
    return [...buffers.values()];
  });
  const program = device.record((ops) => {
    for (let i = 0; i < repeats; i++) call(ops, sets[i % SETS]);
  });
  await device.run(program);
  let best = null;
  for (let round = 0; round < 3; round++) {
    const timings = new Map();
    await device.run(program, timings);
    const { ms, bytes = 0, flops = 0 } = timings.get(name);
    if (best === null || ms / repeats < best.ms)
      best = { ms: ms / repeats, bytes: bytes / repeats, flops: flops / repeats };
  }
  program[Symbol.dispose]();
  device.free(sets.flat());
  return best;
}

function spread(count) {
  return Int32Array.from({ length: count }, (_, i) => (i * 7919) % vocabulary);
}

const edge = small ? 64 : 8192;
const copied = await time(
  "copy",
  [
    [float, edge, edge],
    [float, edge, edge],
  ],
  (o, b) => o.copy(...b),
);
const multiplied = await time(
  "matmul",
  [
    [float, edge, edge],
    [float, edge, edge],
    [float, edge, edge],
  ],
  (o, b) => o.matmul(...b),
);
const ceilings = {
  bytesPerSecond: (copied.bytes / copied.ms) * 1e3,
  flopsPerSecond: (multiplied.flops / multiplied.ms) * 1e3,
};
if (!options.json) {
  console.log(`${device.description}; ${float}`);
  console.log(
    `copying ${(ceilings.bytesPerSecond / 1e9).toFixed(0)} GB/s; product of ${edge}: ${(ceilings.flopsPerSecond / 1e12).toFixed(1)} TFLOP/s\n`,
  );
  console.log("operation            ms      GB/s   TFLOP/s   share of floor   sizes");
}
const results = [];
for (const [name, label, specs, call, master] of cases) {
  const own = master
    ? (o, b) => o.adamw(...b.slice(0, 5), { decays: true, master: float === "bf16" ? b[5] : null })
    : call;
  try {
    const { ms, bytes, flops } = await time(name, specs, own);
    const floor = 1e3 * Math.max(bytes / ceilings.bytesPerSecond, flops / ceilings.flopsPerSecond);
    results.push({ name, label, ms, bytes, flops, floor });
    if (!options.json)
      console.log(
        `${name.padEnd(18)} ${ms.toFixed(3).padStart(8)} ${(bytes / ms / 1e6).toFixed(0).padStart(8)} ${(flops / ms / 1e9).toFixed(1).padStart(9)} ${((100 * floor) / ms).toFixed(0).padStart(15)} %   ${label}`,
      );
  } catch (error) {
    results.push({ name, label, failure: String(error.message) });
    if (!options.json) console.log(`${name.padEnd(18)} failed: ${error.message}`);
    process.exitCode = 1;
  }
}
device[Symbol.dispose]();
if (options.json) console.log(JSON.stringify({ card: device.description, float, ceilings, results }));
