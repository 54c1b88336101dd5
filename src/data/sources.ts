/** The data of a plan, opened and checked against each other: tokenizer, training shards and held-out shards of every domain. */
import { type Problem, UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import type { DataPlan, DomainPlan, TokenizerPlan } from "../config/plan.js";
import { openTokenStream, type StreamWindow, type TokenStream } from "./shards/token-stream.js";
import { loadTokenizer, type Tokenizer } from "./tokenizer/tokenizer.js";

export interface DomainSource {
  readonly name: string;
  readonly train: TokenStream;
  /** Null when the plan names no held-out shards for the domain. */
  readonly heldOut: TokenStream | null;
}

export interface DataSources extends AsyncDisposable {
  readonly tokenizer: Tokenizer;
  /** In the order of the plan. */
  readonly domains: readonly DomainSource[];
}

/**
 * Opens everything a plan reads.
 * @throws UserError with every missing or mismatched part, not just the first.
 */
export async function openSources(plan: DataPlan): Promise<DataSources> {
  if (!(await exists(plan.tokenizer.path)))
    throw new UserError({
      what: "the tokenizer is not there yet",
      where: plan.tokenizer.path,
      hint: "run `hephaestus prepare --config …` first",
    });
  const tokenizer = await loadTokenizer(plan.tokenizer.path);
  checkVocabulary(plan.tokenizer, tokenizer);
  const opened: TokenStream[] = [];
  const close = async () => {
    for (const stream of opened) await stream[Symbol.asyncDispose]();
  };
  const problems: Problem[] = [];
  const open = async (path: string, domain: DomainPlan): Promise<TokenStream | null> => {
    try {
      const stream = await openShards(path, domain, tokenizer);
      opened.push(stream);
      return stream;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(...error.problems);
      return null;
    }
  };
  try {
    const domains: DomainSource[] = [];
    for (const domain of plan.domains) {
      const train = await open(domain.shards, domain);
      const heldOut = domain.heldOutShards === null ? null : await open(domain.heldOutShards, domain);
      if (train !== null) domains.push({ name: domain.name, train, heldOut });
    }
    if (problems.length > 0) throw new UserError(problems);
    return { tokenizer, domains, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function checkVocabulary(plan: TokenizerPlan, { vocabulary, path }: Tokenizer): void {
  if (plan.kind !== "file" || plan.vocabulary === null || plan.vocabulary === vocabulary) return;
  throw new UserError({
    what: "this tokenizer has another number of entries than the plan says",
    where: path,
    expected: `${plan.vocabulary} (\`data.tokenizer.vocabulary\`)`,
    got: String(vocabulary),
    hint: "name the tokenizer of the model that is continued, or correct the number",
  });
}

async function openShards(path: string, domain: DomainPlan, tokenizer: Tokenizer): Promise<TokenStream> {
  if (!(await exists(path)))
    throw new UserError({
      what: `domain ${domain.name} has no shards here`,
      where: path,
      hint: domain.documents === null ? "correct `shards` in the plan" : "run `hephaestus prepare --config …` first",
    });
  const stream = await openTokenStream(path);
  const problem = mismatch(stream, tokenizer);
  if (problem === null) return stream.vocabulary === null ? checkedIds(stream, tokenizer.vocabulary) : stream;
  await stream[Symbol.asyncDispose]();
  throw new UserError({ ...problem, where: path });
}

/** Why these shards cannot be read with this tokenizer, or null. Shards made elsewhere carry no fingerprint; their ids are checked as they are read. */
function mismatch(stream: TokenStream, tokenizer: Tokenizer): Problem | null {
  if (stream.tokenizer !== null && stream.tokenizer !== tokenizer.fingerprint)
    return {
      what: "these shards were written with another tokenizer",
      expected: `tokenizer ${tokenizer.fingerprint.slice(0, 12)} (${tokenizer.path})`,
      got: `tokenizer ${stream.tokenizer.slice(0, 12)}`,
      hint: "run `hephaestus prepare` again, or name the tokenizer the shards were made with",
    };
  if (stream.vocabulary !== null && stream.vocabulary > tokenizer.vocabulary)
    return {
      what: "these shards have a larger vocabulary than the tokenizer",
      expected: `at most ${tokenizer.vocabulary}`,
      got: String(stream.vocabulary),
    };
  return null;
}

/** A stream whose every read is checked against the vocabulary: a foreign id beyond it would index past the embedding. */
function checkedIds(stream: TokenStream, vocabulary: number): TokenStream {
  const read = async (start: number, length: number): Promise<StreamWindow> => {
    const window = await stream.read(start, length);
    const at = window.ids.findIndex((id) => id < 0 || id >= vocabulary);
    if (at < 0) return window;
    throw new UserError({
      what: `token ${start + at} is outside the tokenizer's vocabulary`,
      where: stream.path,
      expected: `0 to ${vocabulary - 1}`,
      got: String(window.ids[at]),
      hint: "these shards were made with another tokenizer",
    });
  };
  return {
    path: stream.path,
    domain: stream.domain,
    tokens: stream.tokens,
    documents: stream.documents,
    files: stream.files,
    fingerprint: stream.fingerprint,
    tokenizer: stream.tokenizer,
    vocabulary,
    endOfText: stream.endOfText,
    read,
    documentLengths: () => stream.documentLengths(),
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
  };
}
