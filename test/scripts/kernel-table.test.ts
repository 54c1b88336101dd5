/** The table of registers: reading ptxas, and the table. What real kernels give is in `kernels/compile.test.ts`. */
import { describe, expect, it } from "vitest";
import { readResources } from "../../scripts/kernel-table/resources.js";
import { tableOf } from "../../scripts/kernel-table/table.js";

/** As nvcc 13.0 prints it. */
const LOG = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'spilling' for 'sm_80'
ptxas info    : Function properties for spilling
    40 bytes stack frame, 16 bytes spill stores, 24 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 40 bytes cumulative stack size, 4096 bytes smem, 380 bytes cmem[0]
ptxas info    : Compile time = 7.773 ms
ptxas info    : Compiling entry function 'lean' for 'sm_80'
ptxas info    : Function properties for lean
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
`;

describe("kernel table", () => {
  it("reads what ptxas says about each kernel", () => {
    expect([...readResources(LOG)]).toEqual([
      ["spilling", { registers: 255, spillStores: 16, spillLoads: 24, stack: 40, shared: 4096 }],
      ["lean", { registers: 8, spillStores: 0, spillLoads: 0, stack: 0, shared: 0 }],
    ]);
  });

  it("reads nothing from another log", () => {
    expect(readResources("error: identifier undefined").size).toBe(0);
  });

  it("has a row for each kernel, without the indices of scalars", () => {
    const numbers = { registers: 8, spillStores: 0, spillLoads: 0, stack: 0, shared: 32 };
    const table = tableOf([{ title: "adamw.cu WEIGHT=bf16 BETA1=3", name: "adamw", ...numbers }]).split("\n");
    expect(table).toHaveLength(3);
    expect(table[2]).toBe("| `adamw` | WEIGHT=bf16 | 8 | 0 | 0 | 0 | 32 |");
    expect(new Set(table.map((row) => row.split("|").length)).size).toBe(1);
  });
});
