/** The bf16 contract on the CUDA device, on the emulator. */
import { describe, it } from "vitest";
import { bf16Contract } from "../bf16-contract.js";
import { missing, openEmulatedDevice } from "./emulated-device.js";

if (missing === null) bf16Contract("native-cuda, emulated", () => openEmulatedDevice());
else describe.skip(`bf16 contract: native-cuda, emulated (skipped: ${missing})`, () => it("", () => {}));
