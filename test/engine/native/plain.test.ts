/** The contract over a device of plain loops: the schedule is right whatever the kernels do. */
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { engineContract } from "../contract.js";
import { plainDevice } from "./plain-device.js";

engineContract(
  "native, plain loops",
  async (architecture, table) => new NativeEngine(architecture, table, plainDevice(), { name: "native-plain" }),
);
