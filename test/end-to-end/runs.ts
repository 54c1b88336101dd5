/** Looking at finished runs of a tiny project: their log, their bits. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../src/base/fingerprint.js";
import type { Project } from "./project.js";

/** Hashes of the weights and moments of a checkpoint: equal hashes are equal bits. */
export function bits(folder: string | null): string[] {
  return ["model.safetensors", "optimizer.safetensors"].map((file) => sha256(readFileSync(join(folder ?? "", file))));
}

export interface LogLine {
  readonly event: string;
  readonly step: number;
  readonly loss?: number;
  readonly [key: string]: unknown;
}

export function logOf(project: Project, run: string): LogLine[] {
  const text = readFileSync(join(project.folder, "checkpoints", run, "log.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** The loss of every step, the last one logged where a step was run twice. */
export function losses(project: Project, run: string): Map<number, number> {
  return new Map(
    logOf(project, run)
      .filter(({ event }) => event === "step")
      .map(({ step, loss }) => [step, loss ?? Number.NaN]),
  );
}

/** Asks the run to stop once step `step` was logged. */
export function stopAfter(project: Project, run: string, step: number): { requested: boolean } {
  return {
    get requested() {
      return (logOf(project, run).findLast(({ event }) => event === "step")?.step ?? 0) >= step;
    },
  };
}
