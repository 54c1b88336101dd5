import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/data/batch.js";
import type { StreamWindow, TokenStream } from "../../src/data/shards/token-stream.js";
import type { DataSources } from "../../src/data/sources.js";
import type { Tokenizer } from "../../src/data/tokenizer/tokenizer.js";
import type { Engine } from "../../src/engine/engine.js";
import { type Evaluation, evaluateHeldOut, forgetting, parseEvaluations } from "../../src/eval/held-out.js";

const END = 0;

/** A stream of `tokens` tokens 1, 2, 3, …, whose loss mask leaves out every token with `masked`. */
function stream(tokens: number, masked: (token: number) => boolean = () => false): TokenStream {
  const read = async (start: number, length: number): Promise<StreamWindow> => {
    const ids = Int32Array.from({ length }, (_, i) => start + i + 1);
    return { ids, lossMask: Uint8Array.from(ids, (id) => (masked(id) ? 0 : 1)), documentStarts: new Int32Array() };
  };
  const info = {
    path: "made up",
    domain: null,
    documents: 1,
    files: 1,
    fingerprint: "f",
    tokenizer: null,
    vocabulary: null,
    endOfText: END,
  };
  const documentLengths = async () => Int32Array.of(tokens);
  return { ...info, tokens, read, documentLengths, [Symbol.asyncDispose]: async () => {} };
}

/** Every token is two bytes of text; end-of-text is none. */
const tokenizer = {
  endOfText: END,
  decode: (ids: readonly number[]) => "ab".repeat(ids.length),
} as Partial<Tokenizer> as Tokenizer;

/** An engine whose loss of a token is its target's id in nats, and that keeps the batches it saw. */
function countingEngine(): { engine: Engine; batches: Batch[] } {
  const batches: Batch[] = [];
  const evaluate: Engine["evaluate"] = async (batch) => {
    batches.push(batch);
    const lossSum_B = new Float64Array(batch.rows);
    const tokens_B = new Int32Array(batch.rows);
    for (let i = 0; i < batch.targets_BT.length; i++) {
      if (batch.lossMask_BT[i] === 0) continue;
      lossSum_B[Math.floor(i / batch.length)] += batch.targets_BT[i];
      tokens_B[Math.floor(i / batch.length)]++;
    }
    return { lossSum_B, tokens_B };
  };
  return { engine: { evaluate } as Partial<Engine> as Engine, batches };
}

function sourcesOf(domains: Record<string, TokenStream | null>): DataSources {
  return {
    tokenizer,
    domains: Object.entries(domains).map(([name, heldOut]) => ({ name, train: stream(1), heldOut })),
    [Symbol.asyncDispose]: async () => {},
  };
}

const OPTIONS = { length: 4, rows: 2, tokensPerDomain: 8, packing: "isolated" as const };

describe("evaluateHeldOut", () => {
  it("is the token-weighted mean over the first windows, in nats, and the same in bits per byte", async () => {
    const { engine, batches } = countingEngine();
    const losses = await evaluateHeldOut(engine, sourcesOf({ a: stream(100) }), OPTIONS);
    // Targets 2 … 9: mean 5.5 nats, over two bytes a token.
    expect(losses.a.tokens).toBe(8);
    expect(losses.a.loss).toBe(5.5);
    expect(losses.a.bitsPerByte).toBeCloseTo(5.5 / Math.LN2 / 2, 12);
    expect(batches.every(({ rows }) => rows <= 2)).toBe(true);
  });

  it("does not count masked targets", async () => {
    const { engine } = countingEngine();
    const losses = await evaluateHeldOut(engine, sourcesOf({ a: stream(100, (token) => token % 2 === 1) }), OPTIONS);
    expect(losses.a).toMatchObject({ tokens: 4, loss: (2 + 4 + 6 + 8) / 4 });
  });

  it("leaves out domains without held-out shards, and those where nothing counts", async () => {
    const { engine } = countingEngine();
    const losses = await evaluateHeldOut(
      engine,
      sourcesOf({ none: null, masked: stream(100, () => true), a: stream(100) }),
      OPTIONS,
    );
    expect(Object.keys(losses)).toEqual(["a"]);
  });

  it("tells its caller how far it is", async () => {
    const seen: [string, number][] = [];
    const { engine } = countingEngine();
    await evaluateHeldOut(engine, sourcesOf({ a: stream(100) }), {
      ...OPTIONS,
      rows: 1,
      onBatch: (domain, tokens) => seen.push([domain, tokens]),
    });
    expect(seen).toEqual([
      ["a", 4],
      ["a", 8],
    ]);
  });
});

function evaluation(step: number, losses: Record<string, number>): Evaluation {
  const domains = Object.fromEntries(
    Object.entries(losses).map(([name, loss]) => [name, { loss, bitsPerByte: loss, tokens: 1 }]),
  );
  return { step, stage: null, domains };
}

describe("forgetting", () => {
  it("is the change since the start; positive where a domain got worse; only for domains of both", () => {
    const change = forgetting(evaluation(0, { text: 3, agent: 5 }), evaluation(9, { text: 3.25, agent: 4, code: 1 }));
    expect(change).toEqual({ text: 0.25, agent: -1 });
  });
});

describe("parseEvaluations", () => {
  it("takes back what JSON made of them", () => {
    const list = [evaluation(0, { a: 1 }), evaluation(5, { a: 0.5 })];
    expect(parseEvaluations(JSON.parse(JSON.stringify(list)))).toEqual(list);
  });
  it.each([[null], [{}], [[1]], [[{ step: "1", stage: null, domains: {} }]]])("refuses %j", (value) => {
    expect(() => parseEvaluations(value)).toThrow(/not readable/);
  });
});
