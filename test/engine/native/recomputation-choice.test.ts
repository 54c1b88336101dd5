/** Which recomputation a run gets, and what it says when none fits. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import type { Recomputation } from "../../../src/engine/native/activations.js";
import { chooseRecomputation, shortageOf } from "../../../src/engine/native/recomputation.js";

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
      { recomputation: "none", bytes: 900 * MIB },
      { recomputation: "block-parts", bytes: 500 * MIB },
      { recomputation: "layer", bytes: 300 * MIB },
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
