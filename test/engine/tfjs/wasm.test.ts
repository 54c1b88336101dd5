/** The contract on tfjs's WebAssembly backend. */

import { openBackend } from "../../../src/engine/tfjs/backend.js";
import { TfjsEngine } from "../../../src/engine/tfjs/engine.js";
import { engineContract } from "../contract.js";

engineContract(
  "tfjs-wasm",
  async (architecture, table) => new TfjsEngine(architecture, table, await openBackend("tfjs-wasm")),
);
