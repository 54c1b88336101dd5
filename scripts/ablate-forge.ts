/**
 * What each step of a forge is worth: makes the corpus whole and without each of some steps, trains a small model on each with the same
 * budget and several seeds, and compares their losses on the same held-out documents, those of the whole corpus.
 *
 *     npx tsx scripts/ablate-forge.ts [--config configs/forge-sample.yaml] [--seeds 3] [--tokens 1M] [--without retrieve,filter,dedup]
 *
 * A held-out document is chosen by its text, so that no variant trains on an exact copy of one; near copies are what deduplication is about, and
 * a corpus without it may hold them. Everything is kept under `--folder`, and what is there is not done again.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { UserError } from "../src/base/errors.js";
import { formatSeconds } from "../src/base/format.js";
import { forge } from "../src/commands/forge.js";
import { prepare } from "../src/commands/prepare.js";
import { planOf } from "../src/config/load.js";
import { loadForgePlan } from "../src/config/load-forge.js";
import { train } from "../src/train.js";

const { values: options } = parseArgs({
  options: {
    config: { type: "string", default: "configs/forge-sample.yaml" },
    folder: { type: "string", default: "data/ablation" },
    seeds: { type: "string", default: "3" },
    tokens: { type: "string", default: "1M" },
    without: { type: "string", default: "retrieve,filter,dedup" },
  },
});

/** What is trained on, by domain; those of which a corpus has nothing are left out. */
const MIXTURE: Readonly<Record<string, number>> = { agent: 4, web: 3, code: 1, text: 2 };
const WHOLE = "whole";
const HELD_OUT = "2%";

/** Steps left out, by the variant's name. */
function variants(): Map<string, readonly string[]> {
  const steps = options.without.split(",").filter(Boolean);
  return new Map([[WHOLE, []], ...steps.map((step): [string, string[]] => [`without ${step}`, [step]])]);
}

function folderOf(variant: string): string {
  return join(options.folder, variant.replaceAll(" ", "-"));
}

async function makeCorpus(variant: string, skip: readonly string[]): Promise<string[]> {
  const output = join(folderOf(variant), "corpus");
  const plan = await loadForgePlan(options.config, [
    `output=${output}`,
    `work=${join(options.folder, "work")}`,
    `skip=[${skip}]`,
  ]);
  const part = { index: 0, of: 1 };
  await forge(plan, { part, workers: 1, phase: null, until: null, write: () => {}, progress: () => {} });
  return Object.keys(MIXTURE).filter((domain) => existsSync(join(output, domain)));
}

/** The plan of a variant: its own shards to train on, the whole corpus's to be judged by. */
function planSource(variant: string, domains: readonly string[], seed: number): Record<string, unknown> {
  const shards = (of: string, domain: string, side: string): string => join(folderOf(of), "shards", domain, side);
  const own = domains.map((domain) => [
    domain,
    { shards: shards(variant, domain, "train"), heldOutShards: shards(WHOLE, domain, "held-out") },
  ]);
  return {
    run: `${variant.replaceAll(" ", "-")}-${seed}`,
    seed,
    checkpointFolder: join(options.folder, "runs"),
    data: { tokenizer: { file: join(folderOf(WHOLE), "shards", "tokenizer.json") }, domains: Object.fromEntries(own) },
    model: { width: 128, layers: 4, heads: 4, kvHeads: 2, feedForward: 352, tied: true, maxLength: 256 },
    stages: [
      {
        ...{ tokens: options.tokens, sequenceLength: 256, tokensPerStep: 2048 },
        mixture: Object.fromEntries(domains.map((domain) => [domain, MIXTURE[domain]])),
        maxEpochs: Object.fromEntries(domains.map((domain) => [domain, null])),
        schedule: { kind: "wsd", peak: 4e-3, min: 4e-4, warmup: "5%", decay: { form: "1-sqrt", length: "20%" } },
      },
    ],
    engine: { microBatchRows: 8 },
    evaluation: { tokensPerDomain: "50k" },
    checkpoint: { everySteps: null, keepLast: 1 },
    report: { everySteps: 100 },
  };
}

/** Documents to shards, with the whole corpus's tokenizer, which is trained first. */
async function makeShards(variant: string, domains: readonly string[]): Promise<void> {
  const folder = join(folderOf(variant), "shards");
  const tokenizer = join(folderOf(WHOLE), "shards", "tokenizer.json");
  mkdirSync(folder, { recursive: true });
  if (variant !== WHOLE) cpSync(tokenizer, join(folder, "tokenizer.json"));
  const documents = domains.map((domain) => [
    domain,
    { documents: [join(folderOf(variant), "corpus", domain)], heldOut: HELD_OUT },
  ]);
  const source = {
    ...planSource(variant, domains, 0),
    data: {
      folder,
      tokenizer:
        variant === WHOLE
          ? { train: { vocabulary: 4096, sampleBytes: "8M" } }
          : { file: join(folder, "tokenizer.json") },
      domains: Object.fromEntries(documents),
    },
  };
  await prepare(planOf(source, variant), { workers: 1, skipInvalid: 0, force: false, write: () => {} });
}

type Losses = Readonly<Record<string, number>>;

/** The held-out losses of one run at its end, from its record where it was done before. */
async function lossesOf(variant: string, domains: readonly string[], seed: number): Promise<Losses> {
  const source = planSource(variant, domains, seed);
  const record = join(options.folder, "runs", `${String(source["run"])}-${options.tokens}.json`);
  if (existsSync(record)) return JSON.parse(readFileSync(record, "utf8")) as Losses;
  const plan = planOf(source, variant);
  const { evaluations } = await train(plan, {
    resume: null,
    stop: { requested: false },
    progress: { write: () => {} },
  });
  const last = evaluations.at(-1);
  if (last === undefined) throw new Error("a run ends with an evaluation");
  const losses = Object.fromEntries(Object.entries(last.domains).map(([domain, { loss }]) => [domain, loss]));
  writeFileSync(record, JSON.stringify(losses));
  return losses;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean and the seeds' standard deviation. */
function cell(values: readonly number[]): string {
  const middle = mean(values);
  const spread = Math.sqrt(
    values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / Math.max(1, values.length - 1),
  );
  return `${middle.toFixed(4)} ± ${spread.toFixed(4)}`;
}

async function main(): Promise<void> {
  const began = performance.now();
  const tell = (text: string): void => console.error(`${formatSeconds((performance.now() - began) / 1000)}: ${text}`);
  const rows: string[] = [];
  let shown: readonly string[] = [];
  for (const [variant, skip] of variants()) {
    tell(`corpus ${variant}`);
    const domains = await makeCorpus(variant, skip);
    tell(`shards ${variant}: ${domains.join(", ")}`);
    await makeShards(variant, domains);
    const runs: Losses[] = [];
    for (let seed = 0; seed < Number(options.seeds); seed++) {
      runs.push(await lossesOf(variant, domains, seed));
      tell(`${variant}, seed ${seed}: ${JSON.stringify(runs.at(-1))}`);
    }
    if (variant === WHOLE) shown = domains;
    rows.push(`| ${variant} | ${shown.map((domain) => cell(runs.map((losses) => losses[domain]))).join(" | ")} |`);
  }
  console.log(`| corpus | ${shown.join(" | ")} |\n|---|${shown.map(() => "---:|").join("")}\n${rows.join("\n")}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = error instanceof UserError ? 2 : 1;
});
