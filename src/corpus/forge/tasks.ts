/**
 * The table of a forge's tasks: every phase of every step, for each partition or once. A task's folder is named after a fingerprint of all
 * that decides its content (the files of the sources and every setting up to there), so that work stands for as long as it is right, and
 * the variants of a plan share what they have in common.
 */
import { join } from "node:path";
import { fingerprintOf } from "../../base/fingerprint.js";
import type { Phase, Step } from "../step.js";

/** One phase in its place. */
export interface PlacedPhase {
  /** `dedup/sign`: how people name it. */
  readonly name: string;
  readonly step: Step;
  readonly phase: Phase;
  readonly fingerprint: string;
  readonly folder: string;
  /** Where the documents that it reads are; null for the first step, which reads the sources. */
  readonly input: string | null;
  /** Folders of the earlier phases of its step, by name. */
  readonly earlier: Readonly<Record<string, string>>;
  /** Whether it keeps and drops documents: the last phase of every step but the last, which writes the domains' files. */
  readonly keeps: boolean;
}

/** Of the layout of work folders; raised when they can no longer be read. */
const LAYOUT = 1;
const FINGERPRINT_SHOWN = 12;

/**
 * The phases of all steps, in order.
 * @param base fingerprint of what the first step reads, the number of partitions among it.
 */
export function placePhases(steps: readonly Step[], work: string, base: string): PlacedPhase[] {
  const placed: PlacedPhase[] = [];
  let fingerprint = fingerprintOf([LAYOUT, base]);
  let input: string | null = null;
  for (const [number, step] of steps.entries()) {
    const earlier: Record<string, string> = {};
    const stepFolder = join(work, `${String(number + 1).padStart(2, "0")}-${step.name}`);
    for (const [index, phase] of step.phases.entries()) {
      fingerprint = fingerprintOf([fingerprint, step.name, step.version, step.settings, phase.name]);
      const folder = join(stepFolder, `${phase.name}-${fingerprint.slice(0, FINGERPRINT_SHOWN)}`);
      const keeps = index === step.phases.length - 1 && number < steps.length - 1;
      placed.push({
        name: `${step.name}/${phase.name}`,
        step,
        phase,
        fingerprint,
        folder,
        input,
        keeps,
        earlier: { ...earlier },
      });
      earlier[phase.name] = folder;
    }
    input = placed.at(-1)?.folder ?? null;
  }
  return placed;
}

/** The folder of a task within its phase's: a partition, or all of them. */
export function taskFolder(phaseFolder: string, partition: number | null): string {
  return join(phaseFolder, partition === null ? "all" : partitionName(partition));
}

export function partitionName(partition: number): string {
  return `part-${String(partition).padStart(4, "0")}`;
}

/** The tasks of a phase, as partitions; null stands for all of them at once. */
export function tasksOf({ phase }: PlacedPhase, partitions: number): (number | null)[] {
  return phase.each === "corpus" ? [null] : Array.from({ length: partitions }, (_, partition) => partition);
}
