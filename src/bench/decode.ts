/**
 * How fast an engine decodes a shape: its batch's rows at once, each with a prompt of half its length, token after token. Every token needs
 * all weights once, so that memory bounds the speed: beside it stands how many tokens a second the weights' bytes would allow at the speed of
 * a copy, which a processor may exceed a little, since weights are only read.
 */
import { sizeOf } from "../base/dims.js";
import { random32, streamOf } from "../base/random.js";
import type { EngineDescription } from "../engine/engine.js";
import { createEngine } from "../engine/select.js";
import { EMBEDDING, type Parameter, parameterTable } from "../model/parameters.js";
import type { OpenOptions } from "./open.js";
import { type CopyCeiling, profiled } from "./profiled.js";
import type { BenchShape } from "./shape.js";
import { type Spread, spreadOf } from "./statistics.js";
import { benchWeights } from "./weights.js";

export interface DecodeOptions extends Pick<OpenOptions, "kind" | "memory" | "onProgress"> {
  /** Timed tokens of each row. */
  readonly steps: number;
}

export interface DecodeReport {
  readonly shape: BenchShape;
  readonly engine: EngineDescription;
  /** Tokens of each prompt, and of all prompts in a second. */
  readonly prompt: { readonly tokens: number; readonly tokensPerSecond: number };
  /** Of a token of every row. */
  readonly tokenMs: Spread;
  /** Over all rows, at the median. */
  readonly tokensPerSecond: number;
  /** That a token of every row needs, read once. */
  readonly weightBytes: number;
  /** Null for an engine that cannot copy by itself. */
  readonly bound: { readonly copy: CopyCeiling; readonly tokensPerSecond: number; readonly share: number } | null;
}

const WARM_UP = 3;
/** Several times what a processor's caches hold. */
const COPY_BYTES = 2 ** 27;

export async function measureDecoding(shape: BenchShape, options: DecodeOptions): Promise<DecodeReport> {
  const { kind, memory, steps, onProgress } = options;
  const { architecture, rows, length } = shape;
  const { recomputation: _, memory: __, ...card } = memory;
  onProgress("opening the engine");
  const table = parameterTable(architecture);
  const { engine: made } = await createEngine(architecture, table, { kind, ...card, purpose: "evaluation" });
  using engine = profiled(made);
  await engine.load(benchWeights(table));
  const prompt = Math.max(1, Math.floor(length / 2));
  using session = engine.session({ rows, maxLength: prompt + WARM_UP + steps });
  const tokenOf = (row: number, at: number): number =>
    random32(0, streamOf(`decoded row ${row}`), at) % architecture.vocabulary;
  const feed = async (from: number, count: number): Promise<number> => {
    const tokens_B = Array.from({ length: rows }, (_row, row) =>
      Array.from({ length: count }, (_token, at) => tokenOf(row, from + at)),
    );
    const began = performance.now();
    await session.feed(tokens_B);
    return performance.now() - began;
  };
  onProgress("prompts");
  const promptMs = await feed(0, prompt);
  const times: number[] = [];
  for (let step = 0; step < WARM_UP + steps; step++) {
    onProgress(`token ${step + 1} of ${WARM_UP + steps}`);
    times.push(await feed(prompt + step, 1));
  }
  const tokenMs = spreadOf(times.slice(WARM_UP));
  const tokensPerSecond = (1000 * rows) / tokenMs.median;
  const weightBytes = bytesOfToken(table, rows, engine.describe().precision === "bf16" ? 2 : 4);
  const copy = (await engine.copyCeiling?.(COPY_BYTES)) ?? null;
  const most = copy === null ? 0 : (rows * copy.bytesPerSecond) / weightBytes;
  return {
    ...{ shape, engine: engine.describe(), tokenMs, tokensPerSecond, weightBytes },
    prompt: { tokens: prompt, tokensPerSecond: (1000 * rows * prompt) / promptMs },
    bound: copy === null ? null : { copy, tokensPerSecond: most, share: tokensPerSecond / most },
  };
}

/** All weights, but of an embedding that is not the head as well only the tokens' rows. */
function bytesOfToken(table: readonly Parameter[], rows: number, bytes: number): number {
  const untied = table.some(({ name }) => name === "lm_head.weight");
  const elements = table.map(({ name, shape }) =>
    untied && name === EMBEDDING ? rows * (shape.at(-1) ?? 0) : sizeOf(shape),
  );
  return bytes * elements.reduce((sum, count) => sum + count, 0);
}

export function renderDecoding({ shape, engine, ...report }: DecodeReport): string[] {
  const { tokenMs, tokensPerSecond, prompt, bound, weightBytes } = report;
  const rate = (value: number): string => `${value.toPrecision(3)} tok/s`;
  return [
    `engine     ${engine.name} (${engine.device}), ${engine.precision}`,
    `prompts    ${shape.rows} × ${prompt.tokens} tokens, ${rate(prompt.tokensPerSecond)}`,
    `decoding   ${rate(tokensPerSecond)}; median ${tokenMs.median.toFixed(2)} ms for ${shape.rows} rows`,
    bound === null
      ? "bound      unknown: this engine does not measure a copy"
      : `bound      ${rate(bound.tokensPerSecond)}: ${(weightBytes / 1e6).toFixed(1)} MB of weights at ${(bound.copy.bytesPerSecond / 1e9).toFixed(1)} GB/s of a copy; reached: ${(100 * bound.share).toFixed(0)} %`,
  ];
}
