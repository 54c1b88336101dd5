/**
 * How many near duplicates the step `dedup` finds of those that there are, on real documents: all pairs by brute force against bands of
 * MinHash signatures made in several ways, then the step itself against a greedy pass over all pairs.
 *
 *     npx tsx scripts/measure-dedup.ts [--documents 20000] [--partitions 2] FILE.jsonl ...
 *
 * Files hold lines of `{text, source?, domain?}`. Of more documents than asked for, every n-th is taken. Prints Markdown.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dedupStep } from "../src/corpus/dedup/dedup.js";
import { expectedRecall } from "../src/corpus/dedup/minhash.js";
import { DEFAULT_DEDUP, DEFAULT_NEAR } from "../src/corpus/dedup/settings.js";
import { distinct } from "../src/corpus/dedup/sign.js";
import { emptyReport, readDocuments } from "../src/corpus/documents.js";
import type { ForgeDocument } from "../src/corpus/forge-document.js";
import type { TaskFiles } from "../src/corpus/step.js";
import { runHashes, wordHashes } from "../src/corpus/text/hashes.js";
import { type Pair, similarPairs } from "./measure-dedup/pairs.js";
import { estimate, shareBand, signAll, WAYS } from "./measure-dedup/signatures.js";

const LEAST = 0.6;
const WIDTH = 0.05;
const near = DEFAULT_NEAR;

async function readSome(paths: readonly string[], most: number): Promise<ForgeDocument[]> {
  const all: ForgeDocument[] = [];
  for await (const { text, source, where } of readDocuments(paths, { skipInvalid: 0, report: emptyReport() })) {
    const known = { source: source ?? "unknown", domain: "all", form: "text", licence: null, style: null } as const;
    all.push({ text, origin: where, operation: null, language: null, ...known });
  }
  const every = Math.max(1, all.length / most);
  return Array.from({ length: Math.min(most, all.length) }, (_, i) => all[Math.floor(i * every)]);
}

const seconds = (since: number): number => (performance.now() - since) / 1000;
const percent = (share: number): string => (Number.isNaN(share) ? "–" : `${(100 * share).toFixed(1)}%`);
const row = (cells: readonly (string | number)[]): void => console.log(`| ${cells.join(" | ")} |`);
function head(...cells: readonly string[]): void {
  console.log();
  row(cells);
  row(cells.map(() => "---"));
}

function compareWays(sets: readonly Uint32Array[], pairs: readonly Pair[], megabytes: number): void {
  const found = WAYS.map((way) => {
    const started = performance.now();
    const signed = signAll(sets, way, near);
    const speed = megabytes / seconds(started);
    const shares = pairs.map(({ a, b }) => shareBand(signed[a], signed[b]));
    const estimates = pairs.map(({ a, b }) => estimate(signed[a], signed[b]));
    return { name: way.name, speed, shares, estimates };
  });
  head("similarity", "pairs", "expected", ...found.map(({ name }) => name));
  for (let step = 0; step < (1 - LEAST) / WIDTH - 0.5; step++) {
    const low = Number((LEAST + step * WIDTH).toFixed(2));
    const high = Number((low + WIDTH).toFixed(2));
    const last = high === 1;
    const inside = pairs.map(({ similarity }) => similarity >= low && (last || similarity < high));
    const count = inside.filter(Boolean).length;
    const expected = pairs.reduce(
      (sum, { similarity }, i) => sum + (inside[i] ? expectedRecall(similarity, near) : 0),
      0,
    );
    const recalls = found.map(({ shares }) =>
      percent(shares.filter((shared, i) => shared && inside[i]).length / count),
    );
    row([`${low.toFixed(2)} to ${high.toFixed(2)}`, count, percent(expected / count), ...recalls]);
  }
  head("signature", "MB/s of text", "estimated similarity: precision at the threshold", "recall");
  for (const { name, speed, estimates } of found) {
    const isTrue = (i: number): boolean => pairs[i].similarity >= near.similarity;
    const told = estimates.map((value, i) => ({ told: value >= near.similarity, right: isTrue(i) }));
    const both = told.filter((one) => one.told && one.right).length;
    row([
      name,
      speed.toFixed(1),
      percent(both / told.filter((one) => one.told).length),
      percent(both / told.filter((one) => one.right).length),
    ]);
  }
}

interface StepOutcome {
  /** By origin of the document that went: the similarity that the step tells. */
  readonly went: ReadonlyMap<string, string>;
  readonly seconds: Readonly<Record<string, number>>;
}

/** The step's phases in this process, one after the other. */
async function runDedup(documents: readonly ForgeDocument[], partitions: number): Promise<StepOutcome> {
  const folder = mkdtempSync(join(tmpdir(), "measure-dedup-"));
  const size = Math.ceil(documents.length / partitions);
  const went = new Map<string, string>();
  const times: Record<string, number> = {};
  const filesOf = (phase: string, task: string): TaskFiles => {
    mkdirSync(join(folder, phase, task), { recursive: true });
    return {
      partitions,
      path: (name) => join(folder, phase, task, name),
      partitionFile: (earlier, partition, name) => join(folder, earlier, `${partition}`, name),
      mergedFile: (earlier, name) => join(folder, earlier, "corpus", name),
      count: () => {},
      progress: () => {},
    };
  };
  try {
    for (const phase of dedupStep({ ...DEFAULT_DEDUP, exact: true }).phases) {
      const started = performance.now();
      if (phase.each === "corpus") await phase.run(filesOf(phase.name, "corpus"));
      else
        for (let partition = 0; partition < partitions; partition++)
          await phase.run({
            ...filesOf(phase.name, `${partition}`),
            partition,
            documents: async function* () {
              yield* documents.slice(partition * size, (partition + 1) * size);
            },
            keep: () => {},
            drop: (document, _reason, detail) => went.set(document.origin, detail ?? ""),
            reject: () => {},
          });
      times[phase.name] = seconds(started);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { went, seconds: times };
}

/** Which documents a greedy pass in order over all similar pairs removes. */
function greedy(count: number, pairs: readonly Pair[]): Set<number> {
  const earlier = Array.from({ length: count }, (): number[] => []);
  for (const { a, b } of pairs) earlier[b].push(a);
  const gone = new Set<number>();
  for (let b = 0; b < count; b++) if (earlier[b].some((a) => !gone.has(a))) gone.add(b);
  return gone;
}

const { values, positionals } = parseArgs({
  options: { documents: { type: "string", default: "20000" }, partitions: { type: "string", default: "2" } },
  allowPositionals: true,
});
const documents = await readSome(positionals, Number(values.documents));
const megabytes = documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) / 1e6;
const sets = documents.map(({ text }) => distinct(runHashes(wordHashes(text), near.shingle)));
const started = performance.now();
const pairs = [...similarPairs(sets, LEAST)];
const truths = pairs.filter(({ similarity }) => similarity >= near.similarity);
console.log(
  `${documents.length} documents, ${megabytes.toFixed(1)} MB; ${pairs.length} pairs of at least ${LEAST}, ${truths.length} of at least ` +
    `${near.similarity}, by brute force in ${seconds(started).toFixed(1)} s. ${near.bands} bands of ${near.rows} rows, runs of ${near.shingle} words.`,
);
compareWays(sets, pairs, megabytes);

const { went, seconds: times } = await runDedup(documents, Number(values.partitions));
const expected = greedy(documents.length, truths);
const right = documents.filter(({ origin }, number) => went.has(origin) && expected.has(number)).length;
const likes = new Set(truths.flatMap(({ a, b }) => [a, b]));
const wrong = documents.filter(({ origin }, number) => went.has(origin) && !likes.has(number)).length;
head("documents removed", "by the step", "by brute force", "by both", "by the step without any pair at the threshold");
row([documents.length, went.size, expected.size, right, wrong]);
head("phase", "seconds", "MB/s");
for (const [name, time] of Object.entries(times)) row([name, time.toFixed(2), (megabytes / time).toFixed(1)]);
