/** `hephaestus inspect`: what is in a shard or a folder of shards, a look at some of its tokens, and on request a check of every byte. */
import { formatBytes, formatTable } from "../base/format.js";
import { type CheckProgress, type CheckReport, checkShard } from "../data/shards/shard-check.js";
import { describeShards, type ShardDescription } from "../data/shards/shard-describe.js";
import { openTokenStream, type TokenStream } from "../data/shards/token-stream.js";

export interface InspectOptions {
  /** Whether to read everything and compare it with the headers. */
  readonly check: boolean;
  /** Number of windows to show, spread evenly over the tokens. */
  readonly windows: number;
  /** Turns ids into text; without it the ids are shown. */
  readonly decode: ((ids: readonly number[]) => string) | null;
  /** Whether to print one JSON object instead of lines. */
  readonly json: boolean;
  readonly write: (text: string) => void;
  /** Told how far the check is. */
  readonly progress?: CheckProgress;
}

/** Tokens of a window. */
const WINDOW_TOKENS = 48;
/** Shards listed one by one; a folder with more shows the first and counts the rest. */
const LISTED_SHARDS = 20;

interface ShownWindow {
  readonly start: number;
  readonly ids: readonly number[];
  /** Positions within the window where documents begin. */
  readonly documentStarts: readonly number[];
  /** 1 where the token counts in the loss; null: all do. */
  readonly lossMask: readonly number[] | null;
  readonly text: string | null;
}

/**
 * Prints a description of the shards at `path`.
 * @throws UserError when they cannot be read, or a check finds damage (after the description is printed).
 */
export async function inspect(path: string, options: InspectOptions): Promise<void> {
  const shards = await describeShards(path);
  await using stream = await openTokenStream(path);
  const windows = await sampleWindows(stream, options);
  const shares = await countedShares(stream, shards);
  if (!options.json)
    options.write(
      [...aboutStream(stream, shards), "", ...aboutShards(shards, shares), ...aboutWindows(windows), ""].join("\n"),
    );
  const checked = options.check ? await checkShard(path, options.progress) : null;
  if (options.json) options.write(`${JSON.stringify(asJson(stream, shards, shares, windows, checked), null, 2)}\n`);
  else if (checked !== null) options.write(`${aboutCheck(checked)}\n`);
}

async function sampleWindows(stream: TokenStream, options: InspectOptions): Promise<ShownWindow[]> {
  const length = Math.min(WINDOW_TOKENS, stream.tokens);
  const windows: ShownWindow[] = [];
  for (let i = 0; i < options.windows; i++) {
    const start = Math.floor((i * (stream.tokens - length)) / Math.max(1, options.windows - 1));
    const window = await stream.read(start, length);
    const ids = Array.from(window.ids);
    windows.push({
      start,
      ids,
      documentStarts: Array.from(window.documentStarts),
      lossMask: window.lossMask && Array.from(window.lossMask),
      text: options.decode && bracketed(ids, window.lossMask, options.decode),
    });
  }
  return windows;
}

/** Brackets around the tokens that count, where not all do. */
function bracketed(
  ids: readonly number[],
  mask: Uint8Array | null,
  decode: (ids: readonly number[]) => string,
): string {
  if (mask === null) return decode(ids);
  let text = "";
  for (let start = 0, end = 0; start < ids.length; start = end) {
    while (end < ids.length && mask[end] === mask[start]) end++;
    const part = decode(ids.slice(start, end));
    text += mask[start] === 1 ? `⟦${part}⟧` : part;
  }
  return text;
}

/** Tokens read at once to count those in the loss. */
const COUNTED_AT_ONCE = 2 ** 20;

/** For every shard that is listed: the share of its tokens that count, or null without a mask. */
async function countedShares(
  stream: TokenStream,
  shards: readonly ShardDescription[],
): Promise<readonly (number | null)[]> {
  const shares: (number | null)[] = [];
  let first = 0;
  for (const { hasMask, tokens } of shards.slice(0, LISTED_SHARDS)) {
    let counted = 0;
    for (let at = first; hasMask && at < first + tokens; at += COUNTED_AT_ONCE) {
      const { lossMask } = await stream.read(at, Math.min(COUNTED_AT_ONCE, first + tokens - at));
      counted += lossMask?.reduce((sum, counts) => sum + counts, 0) ?? 0;
    }
    shares.push(hasMask ? counted / tokens : null);
    first += tokens;
  }
  return shares;
}

function aboutStream(stream: TokenStream, shards: readonly ShardDescription[]): string[] {
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const batches = shards.reduce((sum, shard) => sum + shard.batches, 0);
  const largest = Math.max(...shards.map((shard) => shard.largestBatchTokens));
  const mean = stream.tokens / batches;
  const facts: [string, string | number | null][] = [
    ["path", stream.path],
    ["domain", stream.domain],
    ["tokenizer", stream.tokenizer],
    ["vocabulary", stream.vocabulary],
    ["end-of-text id", stream.endOfText],
    ["files", `${stream.files} (${formatBytes(bytes)})`],
    ["documents", stream.documents],
    ["tokens", stream.tokens],
    ["tokens per document", (stream.tokens / stream.documents).toFixed(1)],
    [
      "record batches",
      `${batches}, ${Math.round(mean)} tokens on average, ${((100 * mean) / largest).toFixed(0)} % of the largest`,
    ],
    ["fingerprint", stream.fingerprint],
  ];
  return facts.map(([name, value]) => `${name.padEnd(20)} ${value ?? "not stated"}`);
}

function aboutShards(shards: readonly ShardDescription[], shares: readonly (number | null)[]): string[] {
  const rows = shards
    .slice(0, LISTED_SHARDS)
    .map((shard, at) => [
      shard.path,
      shard.format,
      shard.idType,
      maskWords(shares[at]),
      String(shard.documents),
      String(shard.tokens),
      shard.header?.contentHash.slice(0, 16) ?? "no header",
    ]);
  const more = shards.length - rows.length;
  const table = formatTable([["shard", "format", "ids", "loss mask", "documents", "tokens", "content hash"], ...rows]);
  return more > 0 ? [...table, `and ${more} more`] : table;
}

function maskWords(share: number | null): string {
  return share === null ? "no" : `${(100 * share).toFixed(1)} % counted`;
}

/** Text is quoted as JSON, so that control characters in it do not reach the terminal. */
function aboutWindows(windows: readonly ShownWindow[]): string[] {
  return windows.flatMap(({ start, ids, documentStarts, text }) => [
    "",
    `tokens ${start} to ${start + ids.length - 1}, documents beginning at ${documentStarts.map((position) => start + position).join(", ") || "none"}:`,
    `  ${text === null ? ids.join(" ") : JSON.stringify(text)}`,
  ]);
}

function aboutCheck(report: CheckReport): string {
  const foreign = report.shards.filter((shard) => !shard.hasHeader).length;
  const text = `checked ${report.shards.length} files, ${report.documents} documents, ${report.tokens} tokens: no damage`;
  return foreign === 0
    ? text
    : `${text} (${foreign} without a header: only ids, masks and list offsets could be checked)`;
}

function asJson(
  stream: TokenStream,
  shards: readonly ShardDescription[],
  shares: readonly (number | null)[],
  windows: readonly ShownWindow[],
  checked: CheckReport | null,
) {
  const { path, domain, tokenizer, vocabulary, endOfText, files, documents, tokens, fingerprint } = stream;
  const batches = shards.reduce((sum, shard) => sum + shard.batches, 0);
  return {
    path,
    domain,
    tokenizer,
    vocabulary,
    endOfText,
    files,
    documents,
    tokens,
    batches,
    fingerprint,
    shards: shards.map((shard, at) => ({ ...shard, countedShare: shares[at] ?? null })),
    windows,
    checked,
  };
}
