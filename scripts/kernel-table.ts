/**
 * Registers, spills and shared memory of every kernel, as a Markdown table: what `nvcc` says of the variants in `kernels/variants.ts`.
 *   npx tsx scripts/kernel-table.ts [architecture, such as sm_80; by default sm_90a] [part of a file's name]
 * Ends with 1 when a kernel does not compile.
 */

import { KERNEL_VARIANTS } from "../src/engine/native/cuda/kernels/variants.js";
import { compileVariants } from "./kernel-table/compile.js";
import { tableOf } from "./kernel-table/table.js";

const [architecture = "sm_90a", part = ""] = process.argv.slice(2);
const variants = KERNEL_VARIANTS.filter(({ file }) => file.includes(part));
const compiled = await compileVariants(variants, architecture);

console.log(`${architecture}, ${variants.length} kernels\n\n${tableOf(compiled.flatMap(({ kernels }) => kernels))}`);
for (const { title, failure } of compiled) {
  if (failure === null) continue;
  console.log(`\n${title} does not compile:\n${failure}`);
  process.exitCode = 1;
}
