/** Rules between the keys of `model`. Each speaks only when the keys it needs are valid. */
import type { Draft } from "./draft.js";
import type { PlanProblems } from "./problems.js";
import type { ModelSource } from "./schema-model.js";

export function checkModel(model: Draft<ModelSource>, problems: PlanProblems): void {
  if (model === undefined) return;
  checkHeads(model, problems);
  if (model.qkNorm && model.qkvBias)
    problems.add(["model", "qkvBias"], {
      what: "qkNorm and qkvBias cannot be combined",
      hint: "Qwen2 has the bias, Qwen3 the norm; no model format has both",
    });
  checkNope(model, problems);
  const scaling = model.rope?.scaling;
  if (!scaling) return;
  const { lowFrequencyFactor: low, highFrequencyFactor: high } = scaling;
  if (low !== undefined && high !== undefined && low >= high)
    problems.add(["model", "rope", "scaling"], {
      what: "lowFrequencyFactor must be below highFrequencyFactor",
      got: `${low} and ${high}`,
    });
}

function checkNope({ rope, layers, qkNorm, qkvBias }: NonNullable<Draft<ModelSource>>, problems: PlanProblems): void {
  const interval = rope?.nopeInterval;
  if (typeof interval !== "number") return;
  const path = ["model", "rope", "nopeInterval"];
  if (layers !== undefined && interval > layers)
    problems.add(path, {
      what: "no layer would be without RoPE",
      expected: `at most the number of layers, ${layers}`,
      got: String(interval),
    });
  if (qkNorm || qkvBias)
    problems.add(path, {
      what: `nopeInterval cannot be combined with ${qkNorm ? "qkNorm" : "qkvBias"}`,
      hint: "SmolLM3 has layers without RoPE, Qwen2 the bias, Qwen3 the norm; no model format has two of them",
    });
}

function checkHeads(model: NonNullable<Draft<ModelSource>>, problems: PlanProblems): void {
  const { width, heads, kvHeads, headWidth } = model;
  if (typeof headWidth === "number" && headWidth % 2 !== 0)
    problems.add(["model", "headWidth"], {
      what: "the head width must be even, since RoPE turns pairs of channels",
      got: String(headWidth),
    });
  if (heads === undefined) return;
  if (typeof kvHeads === "number" && heads % kvHeads !== 0)
    problems.add(["model", "kvHeads"], {
      what: "kvHeads must divide heads",
      got: `${heads} heads, ${kvHeads} key/value heads`,
      hint: "each key/value head serves heads / kvHeads query heads",
    });
  if (width === undefined || headWidth !== null) return;
  if (width % heads !== 0)
    problems.add(["model", "heads"], {
      what: "heads must divide width unless headWidth is given",
      got: `width ${width}, ${heads} heads`,
    });
  else if ((width / heads) % 2 !== 0)
    problems.add(["model", "heads"], {
      what: "the head width must be even, since RoPE turns pairs of channels",
      got: `width ${width} / ${heads} heads = ${width / heads}`,
    });
}
