import { describe, expect, it } from "vitest";
import { measureDecoding, renderDecoding } from "../../src/bench/decode.js";
import { parseShape } from "../../src/bench/shape.js";
import { countParameters, EMBEDDING, parameterTable } from "../../src/model/parameters.js";
import { TINY } from "./reports.js";

describe("measureDecoding", () => {
  const memory = { recomputation: "auto", memory: null } as const;
  const measured = (shape: ReturnType<typeof parseShape>, kind: "tfjs-cpu" | "native-cpu") =>
    measureDecoding(shape, { kind, memory, steps: 3, onProgress: () => {} });

  it("gives the speed of all rows, and no bound where an engine cannot copy", async () => {
    const shape = parseShape(TINY);
    const report = await measured(shape, "tfjs-cpu");
    expect(report.tokensPerSecond).toBeCloseTo((1000 * shape.rows) / report.tokenMs.median, 6);
    expect(report.prompt.tokens).toBe(Math.floor(shape.length / 2));
    expect(report.bound).toBeNull();
    expect(renderDecoding(report).join("\n")).toMatch(/decoding .* tok\/s.*\nbound {6}unknown/);
  });

  it("counts all weights, but only rows of an embedding that is not the head", async () => {
    for (const tied of [false, true]) {
      const shape = { ...parseShape(TINY), architecture: { ...parseShape(TINY).architecture, tied } };
      const table = parameterTable(shape.architecture);
      const [vocabulary, width] = table.find(({ name }) => name === EMBEDDING)?.shape ?? [0, 0];
      const unread = tied ? 0 : (vocabulary - shape.rows) * width;
      expect((await measured(shape, "tfjs-cpu")).weightBytes).toBe(4 * (countParameters(table) - unread));
    }
  });
});
