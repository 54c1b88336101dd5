/**
 * What every engine must do, run against each of them: `engineContract(name, open)` inside a test file.
 * `open` makes an engine without weights; the suite disposes it.
 */
import { describe } from "vitest";
import type { Engine } from "../../src/engine/engine.js";
import type { Architecture } from "../../src/model/architecture.js";
import type { Parameter } from "../../src/model/parameters.js";
import { behaviourContract } from "./contract-behaviour.js";
import { decodingContract } from "./contract-decoding.js";
import { numbersContract } from "./contract-numbers.js";
import { visibilityContract } from "./contract-visibility.js";

export type OpenEngine = (architecture: Architecture, table: readonly Parameter[]) => Promise<Engine>;

/** Declares the whole suite for one engine. */
export function engineContract(name: string, open: OpenEngine): void {
  describe(`engine contract: ${name}`, () => {
    numbersContract(open);
    visibilityContract(open);
    decodingContract(open);
    behaviourContract(open);
  });
}
