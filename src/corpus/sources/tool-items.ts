/** A tool's description as documents of a source, in the styles that the source writes. */
import type { SourceItem } from "../forge-document.js";
import { documentItem } from "../read/items.js";
import type { ToolDescription } from "../render/tool.js";
import { renderTool, type StyleChoice, stylesOf } from "../render/tool-styles.js";

/** What every source of tools can be told. */
export interface ToolSettings {
  /** Styles of the documentation: weights, of which each tool draws one, `mixed` for `DEFAULT_STYLES` (the default), or each tool in `all` of them. */
  readonly styles?: StyleChoice | "mixed";
}

/** @param origin where the tool is described; unique within its source. */
export function* toolItems(tool: ToolDescription, origin: string, { styles }: ToolSettings): Generator<SourceItem> {
  const chosen = stylesOf(tool, styles === "mixed" ? undefined : styles);
  for (const style of chosen) {
    const document = {
      text: renderTool(tool, style),
      origin: chosen.length === 1 ? origin : `${origin}/${style}`,
      form: "tool-documentation" as const,
      style,
      operation: `${tool.host} ${tool.operation}`,
    };
    yield documentItem(document, tool.name);
  }
}
