/**
 * What every device that does bf16 must do, run against each of them: `bf16Contract(name, openDevice)` inside a test file.
 *
 * Models are tiny, so that an emulated device gets through. Nothing here knows a device's rounding errors: what is allowed is measured on plain
 * loops (`bf16-measure.ts`) or follows from what chance can do.
 */
import { describe } from "vitest";
import type { Architecture } from "../../../src/model/architecture.js";
import { chanceContract } from "./bf16-contract-chance.js";
import { curveContract } from "./bf16-contract-curve.js";
import { numbersContract } from "./bf16-contract-numbers.js";
import { optimizerContract } from "./bf16-contract-optimizer.js";
import { roundingContract } from "./bf16-contract-rounding.js";
import { stateContract } from "./bf16-contract-state.js";
import { type OpenDevice, reportAfterwards, type Subject } from "./bf16-measure.js";

export interface Bf16Limits {
  /** The nearest architecture that the device can do, such as one with wider heads; by default the one asked for. */
  readonly adapted?: (architecture: Architecture) => Architecture;
  /** Milliseconds that a test may take; by default vitest's. */
  readonly timeout?: number;
}

/** Declares the whole suite for one device. The suite disposes what `openDevice` gives. */
export function bf16Contract(name: string, openDevice: OpenDevice, limits: Bf16Limits = {}): void {
  const subject: Subject = { open: openDevice, adapted: limits.adapted ?? ((same) => same), shares: new Map() };
  describe(`bf16 contract: ${name}`, limits.timeout === undefined ? {} : { timeout: limits.timeout }, () => {
    reportAfterwards(name, subject);
    roundingContract(subject);
    numbersContract(subject);
    chanceContract(subject);
    optimizerContract(subject);
    stateContract(subject);
    curveContract(subject);
  });
}
