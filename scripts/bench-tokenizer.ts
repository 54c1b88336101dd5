/**
 * Prints how fast a tokenizer encodes the documents of JSON-lines files: our encoder and the library. Time is processor time of the whole
 * process, garbage collection included, so that the figure is per core even on a busy machine.
 * Run: npx tsx scripts/bench-tokenizer.ts <tokenizer.json> <documents.jsonl>… [--runs 5]
 */
import { parseArgs } from "node:util";
import { emptyReport, readDocuments } from "../src/corpus/documents.js";
import { loadTokenizer, type Tokenizer } from "../src/data/tokenizer/tokenizer.js";

/** The library is several times slower: it is measured on the first part of the text. */
const LIBRARY_BYTES = 2_000_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "5" } },
});
const [tokenizerPath, ...paths] = positionals;
if (tokenizerPath === undefined || paths.length === 0) {
  console.error("usage: bench-tokenizer.ts <tokenizer.json> <documents.jsonl>… [--runs 5]");
  process.exit(2);
}

const ours = await loadTokenizer(tokenizerPath);
const library = await loadTokenizer(tokenizerPath, { encoder: "library" });
for (const path of paths) {
  const texts: string[] = [];
  for await (const { text } of readDocuments([path], { skipInvalid: 1, report: emptyReport() })) texts.push(text);
  console.log(`${path}: ${ours.encoder} ${measure(ours, texts)}`);
  console.log(`${path}: library  ${measure(library, firstBytes(texts, LIBRARY_BYTES))}`);
}

/** The first run starts with an empty cache; later ones show the middle of a large corpus. */
function measure(tokenizer: Tokenizer, texts: readonly string[]): string {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const rates: number[] = [];
  let tokens = 0;
  for (let run = 0; run < Number(values.runs); run++) {
    const start = process.cpuUsage();
    tokens = 0;
    for (const text of texts) tokens += tokenizer.encode(text).length;
    const { user, system } = process.cpuUsage(start);
    rates.push(bytes / (user + system));
  }
  const [first] = rates;
  const median = [...rates].sort((a, b) => a - b)[rates.length >> 1];
  return `first run ${first.toFixed(1)} MB/s, median of ${rates.length} runs ${median.toFixed(1)} MB/s; ${(bytes / 1e6).toFixed(1)} MB, ${(bytes / tokens).toFixed(2)} bytes per token`;
}

function firstBytes(texts: readonly string[], limit: number): string[] {
  let bytes = 0;
  return texts.filter((text) => {
    bytes += Buffer.byteLength(text);
    return bytes <= limit;
  });
}
