import { defineConfig } from "vitest/config";

/** Tests that ask another implementation (pyarrow, datasets, PyTorch); each says why it was skipped where that is missing. */
export default defineConfig({
  test: { include: ["test/oracle/**/*.test.ts"], testTimeout: 300_000, reporters: ["verbose"] },
});
