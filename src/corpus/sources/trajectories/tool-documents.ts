/** Tool documentation that stands among trajectories. */
import type { ToolDescription } from "../../render/tool.js";
import { renderTool, stylesOf } from "../../render/tool-styles.js";
import type { RecordDocument } from "./record.js";

/** The tool's documentation in the style drawn for it. */
export function toolDocuments(tool: ToolDescription): readonly RecordDocument[] {
  return stylesOf(tool).map((style) => ({
    text: renderTool(tool, style),
    form: "tool-documentation",
    style,
    operation: `${tool.host} ${tool.operation}`,
  }));
}
