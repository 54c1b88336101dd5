/** A tiny sweep file, one with both experiments, and made-up outcomes of its runs. */
import type { FinishedRun } from "../../../src/mixlaw/sweep/observations.js";
import type { SweepRun } from "../../../src/mixlaw/sweep/plan-maker.js";

interface TinySweep {
  readonly name: string;
  readonly seeds: readonly number[];
  /** Of agent data, and the evaluations: as the file holds them. */
  readonly shares: string;
  readonly evaluation: string;
}

/** A sweep file of one size whose runs are a few steps long. */
export function tinySweep({ name, seeds, shares, evaluation }: TinySweep): string {
  return `
sweep: ${name}
plan: plan.yaml
domain: agent
sizes:
  one: { width: 16, layers: 1, heads: 2, feedForward: 32, tied: true }
seeds: [${seeds.join(", ")}]
sequenceLength: 32
tokensPerStep: 128
pretrain:
  mixture: { text: 1, code: 1 }
  tokens: 640
  schedule: { kind: constant, peak: 1e-2 }
continue:
  tokens: [512]
  schedule: { kind: cosine, peak: 5e-3, warmup: 1 }
  mixtures: { kind: grid, shares: ${shares}, rest: { text: 2, code: 1 } }
evaluation: ${evaluation}
`;
}

const BOTH = { name: "made-up", seeds: [4, 5], shares: "[0]", evaluation: "{ tokensPerDomain: 100 }" };

export const EXPERIMENTS = `${tinySweep(BOTH)}
price: { tokens: 512, share: 1/2, peak: 5e-3, sources: [agent], rest: { text: 1, code: 1 } }
doremi:
  tokens: 512
  rounds: 2
  size: one
  seed: 4
  reference: { text: 1, code: 1, agent: 2 }
  schedule: { peak: 5e-3, warmup: 1 }
`;

/** @param read tokens and epochs by domain. */
export function madeUpRun(
  run: SweepRun,
  losses: Readonly<Record<string, number>>,
  read: Readonly<Record<string, { tokens: number; epochs: number }>> = {},
): FinishedRun {
  const domains = Object.fromEntries(
    Object.entries(losses).map(([name, loss]) => [name, { loss, bitsPerByte: loss, tokens: 100 }]),
  );
  const outcome = { plan: "", parameters: 1, flops: 1, skipped: 0, ledger: read };
  return { run, outcome: { ...outcome, evaluations: [{ step: 4, stage: "price", domains }] } };
}
