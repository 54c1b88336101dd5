/** What products need of an opened card: its facts, memory, and a stream with a clock. */
import type { Card } from "./card.js";
import type { Context } from "./context.js";
import type { Address } from "./launch.js";
import { Arena } from "./memory.js";
import { Event } from "./stream.js";

/** Memory of the card that ends with a scope. */
export interface Scratch extends Disposable {
  readonly address: Address;
}

/** A stream and its clock. */
export interface Timer {
  readonly stream: Address;
  /** Milliseconds on the card between the beginning and the end of what `enqueue` puts on the stream; waits for it. */
  milliseconds(enqueue: () => void): number;
}

export interface MatmulHost {
  readonly card: Card;
  readonly timer: Timer;
  /** @throws UserError when memory is short. */
  allocate(bytes: number): Scratch;
}

export function matmulHost(context: Context): MatmulHost {
  const { card, driver, stream } = context;
  return {
    card,
    timer: {
      stream: stream.handle,
      milliseconds: (enqueue) => {
        using begin = new Event(driver, { timing: true });
        using end = new Event(driver, { timing: true });
        begin.record(stream);
        enqueue();
        end.record(stream);
        end.block();
        return end.millisecondsSince(begin);
      },
    },
    allocate: (bytes) => {
      const name = "scratch memory of matrix products";
      const arena = new Arena(context, [{ name, shape: [Math.ceil(bytes / 4)], dtype: "f32" }]);
      return { address: arena.base, [Symbol.dispose]: () => arena[Symbol.dispose]() };
    },
  };
}
