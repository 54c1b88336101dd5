/** The sample folder: domain files without a text twice, and a stamp that tells whether they are complete for the pinned packages and recipe. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exists, writeFileAtomic } from "../../src/base/files.js";
import { fingerprintOf, hashFile, sha256 } from "../../src/base/fingerprint.js";
import { PACKAGES } from "./packages.js";
import type { SampleDocument } from "./sample-document.js";

export interface DomainSummary {
  readonly domain: string;
  readonly documents: number;
  /** UTF-8 bytes of text. */
  readonly bytes: number;
  readonly duplicates: number;
  readonly licences: readonly string[];
  /** SHA-256 of the domain file. */
  readonly file: string;
}

/** Written last, so that its presence means that every domain file is complete. */
interface Stamp {
  readonly recipe: string;
  readonly domains: readonly DomainSummary[];
}

/** Fingerprint of what the files are made of: the pinned packages and the text of these scripts. */
export async function recipeFingerprint(): Promise<string> {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const names = (await readdir(folder)).sort();
  return fingerprintOf([PACKAGES, ...(await Promise.all(names.map((name) => hashFile(join(folder, name)))))]);
}

/** What the folder holds if it is complete for this recipe and unchanged since; otherwise null. */
export async function completeSample(folder: string, recipe: string): Promise<readonly DomainSummary[] | null> {
  const stamp = await readStamp(folder);
  if (stamp === null || stamp.recipe !== recipe) return null;
  for (const { domain, file } of stamp.domains) {
    const path = domainPath(folder, domain);
    if (!(await exists(path)) || (await hashFile(path)) !== file) return null;
  }
  return stamp.domains;
}

async function readStamp(folder: string): Promise<Stamp | null> {
  try {
    return JSON.parse(await readFile(join(folder, "sample.json"), "utf8")) as Stamp;
  } catch {
    return null;
  }
}

/** Writes one domain file. `seen` holds the hashes of all texts so far, of every domain: a text found there is dropped and counted. */
export async function writeDomain(
  folder: string,
  domain: string,
  documents: Iterable<SampleDocument>,
  seen: Set<string>,
): Promise<DomainSummary> {
  const lines: string[] = [];
  const licences = new Set<string>();
  let bytes = 0;
  let duplicates = 0;
  for (const { text, source, licence } of documents) {
    const key = sha256(text);
    if (seen.has(key)) {
      duplicates++;
      continue;
    }
    seen.add(key);
    licences.add(licence);
    bytes += Buffer.byteLength(text);
    lines.push(`${JSON.stringify({ text, source, licence })}\n`);
  }
  const content = lines.join("");
  await writeFileAtomic(domainPath(folder, domain), content);
  return { domain, documents: lines.length, bytes, duplicates, licences: [...licences].sort(), file: sha256(content) };
}

export async function writeStamp(folder: string, recipe: string, domains: readonly DomainSummary[]): Promise<void> {
  await writeFileAtomic(join(folder, "sample.json"), `${JSON.stringify({ recipe, domains }, null, 2)}\n`);
}

export function domainPath(folder: string, domain: string): string {
  return join(folder, `${domain}.jsonl`);
}

/** Bytes of English or code that a token of a usual vocabulary stands for, roughly. */
const BYTES_PER_TOKEN = 4;

/** The domains as a table, with a line of totals. */
export function summaryTable(domains: readonly DomainSummary[]): string {
  const total = (pick: (domain: DomainSummary) => number): number =>
    domains.reduce((sum, domain) => sum + pick(domain), 0);
  const row = (name: string, pick: (count: (domain: DomainSummary) => number) => number, licence: string): string[] => {
    const bytes = pick(({ bytes }) => bytes);
    const counts = [
      pick(({ documents }) => documents),
      bytes,
      Math.round(bytes / BYTES_PER_TOKEN),
      pick(({ duplicates }) => duplicates),
    ];
    return [name, ...counts.map((count) => count.toLocaleString("en-US")), licence];
  };
  const rows = [
    ["domain", "documents", "bytes", "tokens (est.)", "duplicates", "licence"],
    ...domains.map((domain) => row(domain.domain, (count) => count(domain), domain.licences.join("; "))),
    row("all", total, ""),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((cells) => cells.map(pad).join("  ").trimEnd()).join("\n");
}
