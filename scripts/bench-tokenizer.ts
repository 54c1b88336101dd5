/**
 * Prints how fast a tokenizer encodes the documents of JSON-lines files: our encoder and the library. Time is processor time of the whole
 * process, garbage collection included, so that the figure is per core even on a busy machine.
 * The library is up to a hundred times slower and is left out with `--library 0`. First come the time and memory that opening takes.
 * Run: npx tsx scripts/bench-tokenizer.ts <tokenizer.json> <documents.jsonl>… [--runs 5] [--library <bytes>]
 * The files of published models: npx tsx scripts/golden/real-inputs.ts <folder>, then <folder>/llama3/tokenizer.json and so on.
 */
import { parseArgs } from "node:util";
import { emptyReport, readDocuments } from "../src/corpus/documents.js";
import { loadTokenizer, type Tokenizer } from "../src/data/tokenizer/tokenizer.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "5" }, library: { type: "string", default: "500000" } },
});
const [tokenizerPath, ...paths] = positionals;
if (tokenizerPath === undefined || paths.length === 0) {
  console.error("usage: bench-tokenizer.ts <tokenizer.json> <documents.jsonl>… [--runs 5]");
  process.exit(2);
}

const opening = process.cpuUsage();
const ours = await loadTokenizer(tokenizerPath);
ours.encode("a");
const { user, system } = process.cpuUsage(opening);
console.log(
  `${tokenizerPath}: opened in ${((user + system) / 1e3).toFixed(0)} ms, process of ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
);
const libraryBytes = Number(values.library);
const library = libraryBytes > 0 ? await loadTokenizer(tokenizerPath, { encoder: "library" }) : null;
for (const path of paths) {
  const texts: string[] = [];
  for await (const { text } of readDocuments([path], { skipInvalid: 1, report: emptyReport() })) texts.push(text);
  console.log(`${path}: ${ours.encoder} ${measure(ours, texts)}`);
  if (library !== null) console.log(`${path}: library  ${measure(library, firstBytes(texts, libraryBytes))}`);
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
