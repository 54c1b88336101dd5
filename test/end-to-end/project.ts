/** A tiny project in a temporary folder: three made-up domains, a plan, prepared shards. Small enough to train in a second on any engine. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { random32, streamOf } from "../../src/base/random.js";
import { readModelBase } from "../../src/checkpoint/model-base.js";
import { prepare } from "../../src/commands/prepare.js";
import { loadPlan } from "../../src/config/load.js";
import type { Plan } from "../../src/config/plan.js";

const WORDS: Readonly<Record<string, readonly string[]>> = {
  agent: [
    "call",
    "get",
    "put",
    "list",
    "delete",
    "bucket",
    "object",
    "key",
    "value",
    "returns",
    "error",
    "id",
    "token",
    "the",
    "a",
    "with",
  ],
  text: [
    "the",
    "river",
    "ran",
    "slowly",
    "under",
    "old",
    "trees",
    "and",
    "she",
    "walked",
    "home",
    "in",
    "rain",
    "a",
    "light",
    "house",
  ],
  code: ["const", "x", "=", "y", "+", "1;", "if", "(x)", "{", "}", "return", "function", "f(a)", "=>", "for", "let"],
};

/** A document of made-up words, different for every domain and number. */
export function madeUpDocument(domain: string, number: number): string {
  const words = WORDS[domain] ?? WORDS.text;
  const length = 20 + (random32(7, streamOf(`${domain}/length`), number) % 60);
  const drawn = Array.from({ length }, (_, i) => words[random32(7, streamOf(`${domain}/${number}`), i) % words.length]);
  return `${domain} ${number}: ${drawn.join(" ")}.`;
}

export interface Project extends AsyncDisposable {
  readonly folder: string;
  /** Path of the plan. */
  readonly config: string;
  /** Loads the plan with overrides, its paths under the project's folder. */
  plan(...overrides: string[]): Promise<Plan>;
}

/** A plan of 12 + 8 steps of 4 × 32 tokens over three domains. */
export const PLAN = `
run: tiny
seed: 3
data:
  folder: data
  tokenizer: { train: { vocabulary: 300, sampleBytes: 100k } }
  domains:
    agent: { documents: [corpus/agent.jsonl], heldOut: 10% }
    text: { documents: [corpus/text.jsonl], heldOut: 10% }
    code: { documents: [corpus/code.jsonl], heldOut: 10% }
model: { width: 16, layers: 2, heads: 2, kvHeads: 1, feedForward: 32, tied: true, maxLength: 64 }
stages:
  - name: mix
    steps: 12
    sequenceLength: 32
    tokensPerStep: 128
    mixture: { agent: 1, text: 1, code: 1 }
    schedule: { kind: wsd, peak: 1e-2, min: 1e-3, warmup: 2, decay: { form: 1-sqrt, length: 4 } }
  - name: lean
    steps: 8
    sequenceLength: 32
    tokensPerStep: 128
    mixture: { agent: 8, text: 1, code: 1 }
    schedule: { kind: cosine, peak: 5e-3, min: 5e-4, warmup: 1 }
engine: { kind: tfjs-cpu, microBatchRows: 2 }
evaluation: { everySteps: 5, tokensPerDomain: 200 }
checkpoint: { everySteps: 4, keepLast: 3 }
report: { everySteps: 5 }
`;

/** Writes the corpus and the plan; `prepared` also makes the shards. */
export async function makeProject(
  options: { prepared: boolean; documents?: number } = { prepared: true },
): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), "hephaestus-"));
  await mkdir(join(folder, "corpus"));
  for (const domain of Object.keys(WORDS)) {
    const lines = Array.from({ length: options.documents ?? 60 }, (_, number) =>
      JSON.stringify({ text: madeUpDocument(domain, number), source: "made up", licence: "CC0" }),
    );
    await writeFile(join(folder, "corpus", `${domain}.jsonl`), `${lines.join("\n")}\n`);
  }
  const config = join(folder, "plan.yaml");
  await writeFile(config, PLAN);
  const plan = async (...overrides: string[]) =>
    (await loadPlan(config, overrides, { root: folder, readBase: readModelBase })).plan;
  if (options.prepared) await prepare(await plan(), { workers: 1, skipInvalid: 0, force: false, write: () => {} });
  return { folder, config, plan, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** A stream that keeps what is written to it. */
export function captured(isTTY = false): {
  text: string;
  readonly isTTY: boolean;
  readonly columns: number;
  write(text: string): void;
} {
  return {
    text: "",
    isTTY,
    columns: 200,
    write(text) {
      this.text += text;
    },
  };
}
