/** The styles in which a tool is documented, and which one a tool gets: real documentation comes in many shapes. */
import { TOOL_STYLES } from "../../config/forge-names.js";
import { mix, wordHash } from "../text/hashes.js";
import { asDefinition, LAYOUTS } from "./definition.js";
import { asPython } from "./python.js";
import { asReference } from "./reference.js";
import type { ToolDescription } from "./tool.js";
import { asTypescript } from "./typescript.js";
import { asUsage } from "./usage.js";

export type ToolStyle = (typeof TOOL_STYLES)[number];

/** Shares of the styles among tools; they need not add up to one. A style without weight is not drawn. */
export type StyleWeights = Readonly<Partial<Record<ToolStyle, number>>>;

/** Which styles a source writes: one for each tool, drawn by weight, or each tool in `all` of them. */
export type StyleChoice = StyleWeights | "all";

/** Reference pages and definitions most: what people read, and what models are prompted with. The numbers are a choice, not a measurement. */
export const DEFAULT_STYLES: StyleWeights = { prose: 0.4, schema: 0.3, signature: 0.15, usage: 0.15 };

/** The tool's documentation in one style: never blank, well-formed Unicode, without NUL. The same tool gives the same text. */
export function renderTool(tool: ToolDescription, style: ToolStyle): string {
  const draw = drawOf(tool, style);
  const text = {
    prose: () => asReference(tool, draw % 2 === 0),
    schema: () => asDefinition(tool, LAYOUTS[draw % LAYOUTS.length]),
    signature: () => (draw % 2 === 0 ? asTypescript(tool) : asPython(tool)),
    usage: () => asUsage(tool, draw % 2 === 0),
  }[style]();
  return text.replace(/\p{Surrogate}/gu, "\uFFFD").replaceAll("\0", " ");
}

/** The style of a tool, drawn by its host and operation: always the same, whatever else is in the corpus. */
export function drawStyle(tool: ToolDescription, weights: StyleWeights = DEFAULT_STYLES): ToolStyle {
  const total = TOOL_STYLES.reduce((sum, style) => sum + (weights[style] ?? 0), 0);
  let left = (drawOf(tool, "style") / 2 ** 32) * total;
  for (const style of TOOL_STYLES) {
    left -= weights[style] ?? 0;
    if (left < 0) return style;
  }
  return TOOL_STYLES.find((style) => (weights[style] ?? 0) > 0) ?? "prose";
}

/** The styles that a source's choice gives a tool. */
export function stylesOf(tool: ToolDescription, choice: StyleChoice = DEFAULT_STYLES): readonly ToolStyle[] {
  return choice === "all" ? TOOL_STYLES : [drawStyle(tool, choice)];
}

/** 32 bits from what a tool is called and what they are for. */
function drawOf({ host, operation }: ToolDescription, purpose: string): number {
  return mix(wordHash(`${host} ${operation}`) ^ wordHash(purpose));
}
