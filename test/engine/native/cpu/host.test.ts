/** The processor's identity: what lasts, and what people read. */
import { describe, expect, it } from "vitest";
import { processorIdentity, vectorUnit } from "../../../../src/engine/native/cpu/host.js";

const X86 = `processor\t: 0
model name\t: Some Processor
cpu MHz\t\t: 2100.000
flags\t\t: fpu sse2 avx avx2 fma

processor\t: 1
model name\t: Another
`;

describe("processorIdentity", () => {
  it("keeps model and flags of the first core and drops what changes while it runs", () => {
    const identity = processorIdentity(X86);
    expect(identity).toContain("Some Processor");
    expect(identity).toContain("avx2 fma");
    expect(identity).not.toContain("MHz");
    expect(identity).not.toContain("Another");
    expect(processorIdentity(X86.replace("2100.000", "800.000"))).toBe(identity);
    expect(processorIdentity(X86.replace(" fma", ""))).not.toBe(identity);
  });

  it("makes do without /proc/cpuinfo", () => {
    expect(processorIdentity(null).split("\n").length).toBeGreaterThanOrEqual(2);
  });

  it("is the same each time on this machine", () => {
    expect(processorIdentity()).toBe(processorIdentity());
  });
});

describe("vectorUnit", () => {
  it.each([
    ["flags : sse2 avx avx2 avx512f", "AVX-512"],
    ["flags : sse2 avx avx2 avx512f amx_bf16 amx_tile", "AVX-512 and AMX tiles"],
    ["flags : sse2 avx avx2", "AVX2"],
    ["flags : sse2 avx", "AVX"],
    ["Features : fp asimd sve", "SVE"],
    ["Features : fp asimd", "NEON"],
    ["darwin arm64\nApple M1", "NEON"],
  ])("%s: %s", (identity, unit) => expect(vectorUnit(identity)).toBe(unit));
});
