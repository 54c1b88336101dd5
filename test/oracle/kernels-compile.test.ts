/**
 * Every kernel with the constants of real models through the vendor's compiler, for the oldest and the newest card that was planned for.
 * Nothing runs; what can be seen is that it compiles, that registers suffice without spills, and that blocks fit.
 */
import { describe, expect, it } from "vitest";
import { compileVariants, missingCompiler } from "../../scripts/kernel-table/compile.js";
import { KERNEL_VARIANTS } from "../../src/engine/native/cuda/kernels/variants.js";

const missing = await missingCompiler();
const COMPILE_LIMIT_MS = 600_000;

describe.skipIf(missing !== null)(missing === null ? "nvcc" : `nvcc (skipped: ${missing})`, () => {
  it.each(["sm_80", "sm_90a"])(
    "compiles every kernel for %s, without spills",
    async (architecture) => {
      const compiled = await compileVariants(KERNEL_VARIANTS, architecture);
      expect(compiled.filter(({ failure }) => failure !== null)).toEqual([]);
      const kernels = compiled.flatMap((one) => one.kernels);
      expect(kernels).toHaveLength(KERNEL_VARIANTS.length);
      expect(kernels.filter(({ spillStores, spillLoads }) => spillStores + spillLoads > 0)).toEqual([]);
      // What is static must leave a block its 48 KiB without asking.
      expect(kernels.filter(({ shared }) => shared > 48 << 10)).toEqual([]);
    },
    COMPILE_LIMIT_MS,
  );

  it("says what is wrong with a kernel that does not compile", async () => {
    const [one] = KERNEL_VARIANTS.filter(({ file }) => file === "add.cu");
    const [{ failure, kernels }] = await compileVariants(
      [{ ...one, defines: { ...one.defines, PACK: "missing" } }],
      "sm_80",
    );
    expect(failure).toContain('"missing" is undefined');
    expect(kernels).toEqual([]);
  });

  it("misses a kernel that its file does not have", async () => {
    const [one] = KERNEL_VARIANTS.filter(({ file }) => file === "add.cu");
    const [{ failure }] = await compileVariants([{ ...one, name: "subtract" }], "sm_80");
    expect(failure).toBe("no kernel subtract");
  });
});
