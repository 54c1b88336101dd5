/** The table of kernels in Markdown. */
import type { KernelResources } from "./resources.js";

const HEADINGS = ["kernel", "compiled with", "registers", "spill stores", "spill loads", "stack", "static shared"];

/** One row for each kernel; indices of scalars are left out, since they are the same everywhere. */
export function tableOf(kernels: readonly KernelResources[]): string {
  const rows = kernels.map(({ title, name, registers, spillStores, spillLoads, stack, shared }) => {
    const [, ...constants] = title.split(" ");
    return [`\`${name}\``, constants.filter(isShape).join(" "), registers, spillStores, spillLoads, stack, shared];
  });
  return [HEADINGS, HEADINGS.map((_, index) => (index < 2 ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

const SCALAR = /^(LOSS_SCALE|CLIP_SCALE|LEARNING_RATE|BETA\d|EPSILON|WEIGHT_DECAY|CORRECTION\d|ROUNDING_KEY\d)=/;

function isShape(constant: string): boolean {
  return !SCALAR.test(constant);
}
