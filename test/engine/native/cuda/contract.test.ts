/** The engine contract on the CUDA device in float32, on the emulator: the schedule, the launches and the kernels' arithmetic. */
import { describe, it } from "vitest";
import { NativeEngine } from "../../../../src/engine/native/engine.js";
import { engineContract } from "../../contract.js";
import { missing, openEmulatedDevice } from "./emulated-device.js";

if (missing === null)
  engineContract(
    "native-cuda, emulated",
    async (architecture, table) =>
      new NativeEngine(architecture, table, await openEmulatedDevice(), { name: "native-cuda" }),
  );
else describe.skip(`engine contract: native-cuda, emulated (skipped: ${missing})`, () => it("", () => {}));
