/** A compiler of kernels that writes down what it was asked. */
import type { CompilerBackend, CompileUnit } from "../../../../../src/engine/native/cuda/runtime/backend.js";

export interface FakeBackend extends CompilerBackend {
  readonly units: CompileUnit[];
  /** The most compilations that ran at once. */
  readonly busiest: () => number;
}

export function fakeBackend(change: Partial<CompilerBackend> = {}): FakeBackend {
  const units: CompileUnit[] = [];
  let running = 0;
  let most = 0;
  return {
    identity: "fake 1.0",
    capabilities: [80, 86, 90, 100],
    compile: async (unit) => {
      units.push(unit);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running--;
      return new TextEncoder().encode(JSON.stringify([unit.source.text, unit.defines, unit.architecture]));
    },
    ...change,
    units,
    busiest: () => most,
  };
}
