import { it } from "vitest";
import { createEngine } from "../../src/engine/select.js";
import { ReferenceDecoder } from "../reference/decoder.js";
import { CASES, modelOf, referenceTensors } from "./cases.js";
import { distance, expectationOf } from "./tolerance.js";
for (const kind of ["tfjs-cpu", "tfjs-wasm"] as const)
it("ratios " + kind, async () => {
  for (const c of CASES) {
    const { table, weights } = modelOf(c);
    const t0 = performance.now();
    const e = expectationOf((a) => new ReferenceDecoder(a, c.architecture, referenceTensors(weights)).gradients(c.batch, 0.1));
    const l = expectationOf((a) => new Map([["loss", new ReferenceDecoder(a, c.architecture, referenceTensors(weights)).losses(c.batch)]]));
    const t1 = performance.now();
    const { engine } = await createEngine(c.architecture, table, { kind });
    engine.load(weights);
    const r = await engine.accumulate(c.batch, 0.1);
    const g = await engine.snapshot("gradient");
    const ratios = g.map((t) => ({ n: t.name, r: distance(t.data, e.exact.get(t.name) ?? []) / (e.allowed.get(t.name) as number) })).sort((x, y) => y.r - x.r);
    const ls = l.exact.get("loss") as Float64Array;
    let total = 0; for (const x of ls) total += x;
    console.log(kind, c.name, `ref ${(t1 - t0).toFixed(0)} ms eng ${(performance.now() - t1).toFixed(0)} ms`, "loss", r.lossSum_B.reduce((x, y) => x + y) - total, total, ratios.slice(0, 3).map((x) => x.n + " " + x.r.toFixed(2)).join(", "), "median", ratios[ratios.length >> 1]?.r.toFixed(2));
    engine[Symbol.dispose]();
  }
});
