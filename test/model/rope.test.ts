/** Both forms of the rotary table hold the same angles. */
import { expect, it } from "vitest";
import { rotaryFrequencies, rotaryRows, rotaryTable } from "../../src/model/rope.js";
import { architectureOf } from "../engine/cases.js";

it("packs cosines before sines, row by row", () => {
  const scaling = { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 32 };
  const architecture = architectureOf({ headWidth: 10, ropeTheta: 500, ropeScaling: scaling });
  const frequencies = rotaryFrequencies(architecture);
  const { cos_ND, sin_ND } = rotaryTable(
    frequencies,
    Int32Array.from({ length: 40 }, (_, position) => position),
  );
  const rows_TD = rotaryRows(frequencies, 40);
  for (let position = 0; position < 40; position++) {
    const row = rows_TD.subarray(position * 10, (position + 1) * 10);
    expect(row.subarray(0, 5)).toEqual(cos_ND.subarray(position * 10, position * 10 + 5));
    expect(row.subarray(5)).toEqual(sin_ND.subarray(position * 10, position * 10 + 5));
  }
});
