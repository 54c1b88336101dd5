/** The contract on TensorFlow's C library, where the optional package is installed and loads. */
import { describe, it } from "vitest";
import { messageOf } from "../../../src/base/errors.js";
import { type Backend, openBackend } from "../../../src/engine/tfjs/backend.js";
import { TfjsEngine } from "../../../src/engine/tfjs/engine.js";
import { engineContract } from "../contract.js";

const backend: Backend | string = await openBackend("tfjs-node").catch(
  (error: unknown) => messageOf(error).split("\n", 1)[0] as string,
);

if (typeof backend === "string") {
  describe("engine contract: tfjs-node", () => {
    it.skip(`skipped because @tensorflow/tfjs-node does not load here: ${backend}`);
  });
} else {
  engineContract("tfjs-node", async (architecture, table) => new TfjsEngine(architecture, table, backend));
}
