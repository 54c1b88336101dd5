/**
 * Copies the kernels' sources from src/ to dist/, where tsc, which only knows TypeScript, does not put them.
 *   node scripts/copy-kernels.mjs [TARGET]
 */
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";

const KERNEL_SOURCE = /\.(c|h|cu|cuh)$/;
const target = process.argv[2] ?? "dist";

for (const entry of readdirSync("src", { recursive: true, encoding: "utf8" }))
  if (KERNEL_SOURCE.test(entry)) cpSync(join("src", entry), join(target, entry));
