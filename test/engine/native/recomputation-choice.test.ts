/** Which recomputation a run gets, and what it says when none fits. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import type { Recomputation } from "../../../src/engine/native/activations.js";
import { answerOf, chooseRecomputation, shortageOf } from "../../../src/engine/native/recomputation.js";

const MIB = 2 ** 20;
const SIZES: Readonly<Record<Recomputation, number>> = { none: 900 * MIB, "block-parts": 500 * MIB, layer: 300 * MIB };

function choice(limit: number, asked: "auto" | Recomputation = "auto") {
  return chooseRecomputation((mode) => SIZES[mode], { asked, limit: limit * MIB, limitedBy: "engine.memory" });
}

describe("chooseRecomputation", () => {
  it.each([
    [901, "none", true],
    [900, "none", true],
    [899, "block-parts", true],
    [500, "block-parts", true],
    [499, "layer", true],
    [300, "layer", true],
    [299, "layer", false],
  ] as const)("with %d MiB is %s, fits: %s", (limit, recomputation, fits) => {
    expect(choice(limit)).toMatchObject({ recomputation, fits, bytes: SIZES[recomputation], limit: limit * MIB });
  });

  it.each(["none", "block-parts", "layer"] as const)(
    "is %s when that is asked for, also when it does not fit",
    (asked) => {
      expect(choice(1000, asked)).toMatchObject({ recomputation: asked, fits: true });
      expect(choice(100, asked)).toMatchObject({ recomputation: asked, fits: false });
      expect(choice(100, asked).why).toContain(`recomputation ${asked}: as asked for`);
    },
  );

  it("says what it chose and why", () => {
    expect(choice(1024).why).toBe("recomputation none: 900 MiB of 1 GiB (engine.memory); nothing is computed twice");
    expect(choice(400).why).toBe(
      "recomputation layer: none would need 900 MiB, block-parts would need 500 MiB of 400 MiB (engine.memory); every layer's forward pass is computed twice",
    );
  });

  it("tells all sizes, least recomputation first", () => {
    expect(choice(600).modes).toEqual([
      { precision: "fp32", recomputation: "none", bytes: 900 * MIB },
      { precision: "fp32", recomputation: "block-parts", bytes: 500 * MIB },
      { precision: "fp32", recomputation: "layer", bytes: 300 * MIB },
    ]);
  });

  it("takes the smallest when nothing fits, even where computing again saves nothing", () => {
    const odd = chooseRecomputation((mode) => (mode === "block-parts" ? 5 : 6), {
      asked: "auto",
      limit: 1,
      limitedBy: "x",
    });
    expect(odd).toMatchObject({ recomputation: "block-parts", fits: false });
  });
});

describe("chooseRecomputation, with a choice of optimizers", () => {
  const of = (limit: number, asked: "auto" | Recomputation = "auto") =>
    chooseRecomputation((mode, precision) => SIZES[mode] + (precision === "bf16" ? 800 * MIB : 0), {
      ...{ asked, precisions: ["bf16", "bf16-lean"], limit: limit * MIB, limitedBy: "a card" },
    });

  it.each([
    [1700, "bf16", "none"],
    [1699, "bf16", "block-parts"],
    [1100, "bf16", "layer"],
    [1099, "bf16-lean", "none"],
    [899, "bf16-lean", "block-parts"],
    [499, "bf16-lean", "layer"],
    [299, "bf16-lean", "layer"],
  ] as const)(
    "with %d MiB is %s, %s: everything that keeps the numbers is tried first",
    (limit, precision, recomputation) => {
      expect(of(limit)).toMatchObject({ precision, recomputation, fits: limit >= 300 });
    },
  );

  it("keeps to the recomputation that is asked for", () => {
    expect(of(1200, "layer")).toMatchObject({ precision: "bf16", recomputation: "layer" });
    expect(of(1000, "none")).toMatchObject({ precision: "bf16-lean", recomputation: "none", fits: true });
    expect(of(800, "none")).toMatchObject({ precision: "bf16-lean", recomputation: "none", fits: false });
  });

  it("says what each would need, and how to ask for what was chosen", () => {
    expect(of(1250).why).toMatch(/^16 bytes a parameter, recomputation layer: 16 bytes\/none would need 1\.66 GiB, /);
    expect(of(950).why).toMatch(/^8 bytes a parameter, recomputation none: .*16 bytes\/layer would need 1\.07 GiB of /);
    expect(shortageOf(of(100), "engine").message).toMatch(/300 MiB with 8 bytes a parameter and recomputation layer/);
    expect(shortageOf(of(350, "none"), "engine").message).toContain("which would take 8 bytes/layer");
    expect(answerOf(of(950))).toEqual({ recomputation: "none", precision: "bf16", optimizerMemory: "bf16" });
    expect(answerOf(null)).toEqual({});
  });
});

describe("shortageOf", () => {
  it("names the sizes and what would help", () => {
    const error = shortageOf(choice(200), "engine");
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe(
      [
        "engine: there is not enough memory for this model and micro-batch",
        "  expected: 300 MiB with recomputation layer (none 900 MiB, block-parts 500 MiB, layer 300 MiB)",
        "  got: 200 MiB (engine.memory)",
        "  hint: use fewer rows (`engine.microBatchRows`), a shorter `sequenceLength` or a smaller model",
      ].join("\n"),
    );
  });

  it("points at the mode that would fit", () => {
    expect(shortageOf(choice(600, "none"), "engine").message).toContain(
      "set `engine.recomputation: auto`, which would take block-parts",
    );
  });
});
