/** A session of one row, for tests that need no more. */
import type { DecodingSession, Engine } from "../../src/engine/engine.js";

export interface OneRow extends Disposable {
  readonly session: DecodingSession;
  /** Logits after the last token. */
  feed(tokens: readonly number[]): Promise<Float32Array>;
}

export function oneRow(engine: Pick<Engine, "session">, maxLength: number): OneRow {
  const session = engine.session({ rows: 1, maxLength });
  return {
    session,
    feed: async (tokens) => {
      const [logits] = await session.feed([tokens]);
      if (logits === null) throw new Error("a row that was fed has no logits");
      return logits;
    },
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}
