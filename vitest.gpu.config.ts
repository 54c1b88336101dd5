import { defineConfig } from "vitest/config";

/**
 * Tests on this machine's NVIDIA card: the engine's contract, the kernels' own cases, operations at real sizes against PyTorch. Where there is
 * no card each says so; `scripts/test-gpu.sh` runs them and ends with 77 then.
 */
export default defineConfig({
  test: {
    env: { HEPHAESTUS_CARD: "gpu" },
    include: ["test/gpu/**/*.test.ts", "test/engine/native/cuda/kernels/*.test.ts"],
    // They need no card, so that they pass would say nothing of one.
    exclude: ["**/kernels/launches.test.ts", "**/kernels/attention-tiles.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 4,
    reporters: ["default", "./test/summary-reporter.ts"],
  },
});
