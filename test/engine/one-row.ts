/** A session of which one row counts, for tests that need no more. */
import type { DecodingSession, Engine } from "../../src/engine/engine.js";

export interface OneRow extends Disposable {
  readonly session: DecodingSession;
  /** Logits after the last token. */
  feed(tokens: readonly number[]): Promise<Float32Array>;
}

/** @param neighbours rows that are decoded together with it, and are fed the same tokens backwards. */
export function oneRow(engine: Pick<Engine, "session">, maxLength: number, neighbours = 0): OneRow {
  const session = engine.session({ rows: 1 + neighbours, maxLength });
  const others = (tokens: readonly number[]) => Array.from({ length: neighbours }, () => tokens.toReversed());
  return {
    session,
    feed: async (tokens) => {
      const [logits] = await session.feed([tokens, ...others(tokens)]);
      if (logits === null) throw new Error("a row that was fed has no logits");
      return logits;
    },
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}
