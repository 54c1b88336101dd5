/** `hephaestus prepare`: the tokenizer, then every domain's documents as token shards, then a table of what was made. */

import { dirname } from "node:path";
import { lockFolder } from "../base/folder-lock.js";
import { formatBytes, formatCount, formatSeconds, formatTable } from "../base/format.js";
import type { Plan } from "../config/plan.js";
import { type PreparedDomain, prepareDomain, SHARD_TOKENS } from "../data/prepare/prepare.js";
import { conversationRecords } from "../data/prepare/prepare-conversations.js";
import { type PreparedTokenizer, prepareTokenizer } from "../data/prepare/prepare-tokenizer.js";

export interface PrepareOptions {
  /** Encoding threads; null: as many as the domain's size and the cores make worthwhile. */
  readonly workers: number | null;
  /** Largest share of records that may be unusable. */
  readonly skipInvalid: number;
  /** Writes everything again. */
  readonly force: boolean;
  /** Takes one line at a time. */
  readonly write: (line: string) => void;
  /** Takes the text of a live line. */
  readonly progress?: (text: string) => void;
}

export interface PrepareReport {
  readonly tokenizer: PreparedTokenizer;
  /** The domains that have documents. */
  readonly domains: readonly PreparedDomain[];
}

/**
 * Does what is not up to date. Stopped at any moment it leaves what was there before, and goes on where it was the next time.
 * @throws UserError for whatever the user can put right.
 */
export async function prepare(plan: Pick<Plan, "data">, options: PrepareOptions): Promise<PrepareReport> {
  const { data } = plan;
  const { workers, skipInvalid, force, write, progress } = options;
  await using _lock = await lockFolder(data.folder, "prepare");
  const tokenizer = await prepareTokenizer(data, { skipInvalid, force, ...(progress && { onProgress: progress }) });
  write(aboutTokenizer(tokenizer));
  const domains: PreparedDomain[] = [];
  for (const { name, documents, shards } of data.domains) {
    if (documents === null) continue;
    const { conversations } = documents;
    const chat = conversations && (await conversationRecords(conversations, tokenizer.tokenizer));
    const prepared = await prepareDomain({
      ...(chat && { records: chat.records }),
      domain: name,
      paths: documents.paths,
      folder: dirname(shards),
      tokenizer: tokenizer.tokenizer,
      choices: {
        heldOut: documents.heldOut,
        skipInvalid,
        shardTokens: SHARD_TOKENS,
        specialTokens: "literal",
        ...chat?.choices,
      },
      workers,
      force,
      onProgress: ({ bytes, inputBytes, tokens }) =>
        progress?.(
          `${name}: ${formatBytes(bytes)} of text read, files ${formatBytes(inputBytes)}, ${formatCount(tokens)} tokens`,
        ),
    });
    domains.push(prepared);
    write(aboutDomain(prepared));
    for (const line of warnings(prepared)) write(line);
  }
  for (const line of formatTable([HEAD, ...domains.map(row)])) write(line);
  return { tokenizer, domains };
}

function aboutTokenizer({ tokenizer, outcome, seconds, sampledBytes }: PreparedTokenizer): string {
  const about = `${tokenizer.path}, ${tokenizer.vocabulary} tokens, fingerprint ${tokenizer.fingerprint.slice(0, 12)}`;
  switch (outcome) {
    case "given":
      return `tokenizer: ${about}${tokenizer.encoder === "library" ? " (not a BPE of a usual kind: encoded by the library, which is slower)" : ""}`;
    case "extended":
      return `tokenizer: with the new tokens of the plan, ${about}`;
    case "kept":
      return `tokenizer: up to date, ${about}`;
    case "trained":
      return `tokenizer: trained on ${formatBytes(sampledBytes ?? 0)} in ${formatSeconds(seconds)}, ${about}`;
  }
}

function aboutDomain({ manifest, outcome, seconds }: PreparedDomain): string {
  if (outcome === "kept") return `${manifest.domain}: up to date`;
  const { train, heldOut } = manifest.shards;
  const how = outcome === "resumed" ? "went on where an interrupted run stopped, " : "";
  return `${manifest.domain}: ${how}${train.length} training and ${heldOut.length} held-out shards in ${formatSeconds(seconds)}`;
}

function warnings({ manifest: { domain, counts } }: PreparedDomain): string[] {
  const lines = counts.rejectedExamples.map(({ where, why }) => `${domain}: left out ${where}: ${why}`);
  if (counts.withSpecialTexts > 0)
    lines.push(`${domain}: ${counts.withSpecialTexts} documents spell a special token; it was encoded as plain text`);
  return lines;
}

const HEAD = [
  "domain",
  "documents",
  "held out",
  "tokens",
  "held-out tokens",
  "bytes/token",
  "MB/s per core",
  "rejected",
  "duplicates",
];

function row({ manifest, outcome, megabytesPerSecondPerCore }: PreparedDomain): string[] {
  const { documents, heldOutDocuments, tokens, heldOutTokens, bytes, rejected, duplicates } = manifest.counts;
  return [
    manifest.domain,
    String(documents - heldOutDocuments),
    String(heldOutDocuments),
    formatCount(tokens),
    formatCount(heldOutTokens),
    (bytes / (tokens + heldOutTokens)).toFixed(2),
    outcome === "kept" ? "up to date" : megabytesPerSecondPerCore.toFixed(1),
    String(rejected),
    String(duplicates),
  ];
}
