/** How long a first start takes: a process of its own, whose home is empty, so that no kernel is compiled and no algorithm chosen before. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runOwn } from "./compare.js";
import type { BenchReport } from "./report.js";

/** @param own program and arguments that measure our side and print its report. @throws UserError when it fails. */
export async function coldStart(
  own: readonly string[],
  onProgress: (text: string) => void,
): Promise<NonNullable<BenchReport["cold"]>> {
  const home = await mkdtemp(join(tmpdir(), "hephaestus-home-"));
  try {
    const command = ["/usr/bin/env", `HOME=${home}`, ...own, "--steps=1"];
    const { openMs, firstStepMs } = await runOwn(command, (seconds) => onProgress(`a first start, ${seconds} s`));
    return { openMs, firstStepMs };
  } finally {
    await rm(home, { recursive: true });
  }
}
