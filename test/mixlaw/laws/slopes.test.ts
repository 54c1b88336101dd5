/** Every law's slopes against central differences, at random parameters and inputs. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomUniform } from "../../../src/base/random.js";
import type { Law } from "../../../src/mixlaw/fit/law.js";
import { biMix } from "../../../src/mixlaw/laws/bimix.js";
import { criticalRatio, domainChange, generalChange, lossByShare } from "../../../src/mixlaw/laws/cmr.js";
import { dCpt, dCptByShare, dCptOfOneSize } from "../../../src/mixlaw/laws/d-cpt.js";
import { dataMixing } from "../../../src/mixlaw/laws/data-mixing.js";
import {
  learningDynamics,
  learningDynamicsBySize,
  learningDynamicsWithReplay,
} from "../../../src/mixlaw/laws/learning-dynamics.js";
import { sharePower, twoSidedSharePower } from "../../../src/mixlaw/laws/share-power.js";

const LAWS: readonly Law[] = [
  ...[
    biMix,
    criticalRatio,
    domainChange,
    generalChange,
    lossByShare,
    dCpt,
    dCptByShare,
    dCptOfOneSize,
    sharePower,
    twoSidedSharePower,
  ],
  ...[learningDynamics, learningDynamicsBySize],
  ...[learningDynamicsWithReplay("general"), learningDynamicsWithReplay("domain")],
  ...[dataMixing(["agent", "text"]), dataMixing(["agent", "code", "text"])],
];

/** Uniform within the range that starts are drawn from, for losses between 1.5 and 3. */
function parametersOf(law: Law, seed: number): Float64Array {
  return Float64Array.from(law.parameters, ({ start }, i) => {
    const [low, high] = start({ min: 1.5, max: 3 });
    return low + randomUniform(seed, 1, i) * (high - low);
  });
}

describe.each(LAWS.map((law) => [law.name, law] as const))("%s", (_, law) => {
  it("has the slopes of its value", () => {
    fc.assert(
      fc.property(fc.nat(1e9), (seed) => {
        const parameters = parametersOf(law, seed);
        const inputs = law.factors.map((__, i) => 0.05 + 0.9 * randomUniform(seed, 2, i));
        const slopes = new Float64Array(parameters.length);
        const value = law.value(parameters, inputs, slopes);
        expect(law.value(parameters, inputs, null)).toBe(value);
        for (const [i, parameter] of parameters.entries()) {
          // The step that balances the two errors of a central difference, ε/h and h²: each is then of the order of ε^(2/3).
          const step = Math.cbrt(Number.EPSILON) * Math.max(Math.abs(parameter), 1e-3);
          const at = (moved: number) => law.value(parameters.with(i, moved), inputs, null);
          const numeric = (at(parameter + step) - at(parameter - step)) / (2 * step);
          const size = Math.max(
            Math.abs(value),
            Math.abs(slopes[i]) * Math.abs(parameter),
            Math.abs(numeric * parameter),
            1,
          );
          expect(Math.abs(numeric - slopes[i]) * Math.max(Math.abs(parameter), 1e-3)).toBeLessThan(
            200 * Number.EPSILON ** (2 / 3) * size,
          );
        }
      }),
      { numRuns: 30, seed: 7 },
    );
  });

  it("names each parameter once, with its bounds around where fits start", () => {
    expect(new Set(law.parameters.map(({ symbol }) => symbol)).size).toBe(law.parameters.length);
    for (const { start, lower, upper } of law.parameters) {
      const [low, high] = start({ min: 1.5, max: 3 });
      expect(lower).toBeLessThanOrEqual(low);
      expect(low).toBeLessThan(high);
      expect(high).toBeLessThanOrEqual(upper);
    }
    expect(law.formula).toContain("=");
    expect(law.source).not.toBe("");
  });
});
