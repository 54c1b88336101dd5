/** Names that a forge's plan and the forge share. */
import { CONVERSATION_FORMATS } from "./conversation-formats.js";

/** Formats of trajectories: those of conversations, and those of worked calls and searches. */
export const TRAJECTORY_FORMATS = [
  ...CONVERSATION_FORMATS,
  ...(["toolbench", "apibench", "api-bank", "http-examples"] as const),
] as const;

/** Styles in which a tool's documentation is written. */
export const TOOL_STYLES = ["prose", "schema", "signature", "usage"] as const;

/** What a document is made of. */
export const FORMS = ["tool-documentation", "trajectory", "code", "code-and-documentation", "text"] as const;
