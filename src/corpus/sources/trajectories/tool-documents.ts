/** Tool documentation that stands among trajectories. */
import type { ToolDescription } from "../../render/tool.js";
import type { RecordDocument } from "./record.js";

export function toolDocuments(tool: ToolDescription): readonly RecordDocument[] {
  return [
    { text: `${tool.name}\n${tool.prose}`, form: "tool-documentation", operation: `${tool.host} ${tool.operation}` },
  ];
}
