/** Rules between the keys of `engine`. Each speaks only when the keys it needs are valid. */
import type { Draft } from "./draft.js";
import type { PlanProblems } from "./problems.js";
import type { EngineSource } from "./schema.js";

export function checkEngine(engine: Draft<EngineSource>, problems: PlanProblems): void {
  if (engine === undefined) return;
  const { kind, precision, optimizerMemory } = engine;
  const only32 = kind !== undefined && kind !== "auto" && kind !== "native-cuda";
  const hint = "bf16 needs `kind: native-cuda`; `auto` takes what the engine can do";
  if (precision === "bf16" && only32)
    problems.add(["engine", "precision"], { what: `the engine ${kind} computes in fp32 only`, got: "bf16", hint });
  if (optimizerMemory !== "bf16") return;
  if (precision === "fp32" || only32)
    problems.add(["engine", "optimizerMemory"], {
      what: "an optimizer in bf16 goes with weights in bf16",
      got: precision === "fp32" ? "precision fp32" : `kind ${kind}, which computes in fp32 only`,
      hint,
    });
}
