import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TOOL_STYLES } from "../../../src/config/forge-names.js";
import type { ToolDescription } from "../../../src/corpus/render/tool.js";
import { drawStyle, renderTool, stylesOf } from "../../../src/corpus/render/tool-styles.js";
import { BARE, CREATE_PARCEL, FILTER, field } from "./tools.js";

const tools = [CREATE_PARCEL, BARE];

describe("styles", () => {
  it.each(TOOL_STYLES)("%s reads as documentation", (style) => {
    for (const tool of tools) expect(renderTool(tool, style)).toMatchSnapshot();
  });

  it("hold a definition that parses", () => {
    for (const tool of tools) {
      const text = renderTool(tool, "schema");
      const json: unknown = JSON.parse(text.slice(text.indexOf("\n\n{") + 2, text.lastIndexOf("\n}") + 2));
      expect(JSON.stringify(json)).toContain(JSON.stringify(tool.name));
    }
  });

  it("end on types that hold themselves", () => {
    const deep: ToolDescription = {
      ...BARE,
      parameters: [field("f", FILTER, "", true)],
      result: { kind: "object", fields: [field("g", FILTER)] },
    };
    for (const style of TOOL_STYLES) expect(renderTool(deep, style).length).toBeLessThan(4000);
  });

  it("are the same every time, well-formed and never blank", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom(...TOOL_STYLES), (text, style) => {
        const tool = { ...CREATE_PARCEL, operation: text, name: text, prose: text, api: text };
        const rendered = renderTool(tool, style);
        expect(rendered).toBe(renderTool(tool, style));
        expect(rendered.trim()).not.toBe("");
        expect(rendered).not.toMatch(/[\0\p{Surrogate}]/u);
      }),
    );
  });

  it("are drawn in the shares of their weights", () => {
    const counts = { prose: 0, schema: 0, signature: 0, usage: 0 };
    for (let i = 0; i < 4000; i++) counts[drawStyle({ ...BARE, operation: `op${i}` }, { prose: 3, usage: 1 })]++;
    expect(counts.schema + counts.signature).toBe(0);
    // Five standard deviations of 4000 throws at 3 : 1.
    expect(Math.abs(counts.prose - 3000)).toBeLessThan(5 * Math.sqrt(750));
    expect(stylesOf(BARE, "all")).toEqual(TOOL_STYLES);
  });
});
