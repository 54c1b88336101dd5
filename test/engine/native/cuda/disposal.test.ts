/** Everything has its turn, in order, and the first error is told. */
import { expect, it } from "vitest";
import { disposeAll } from "../../../../src/engine/native/cuda/disposal.js";

it("disposes all in order, skips what is absent, and throws the first of the errors", () => {
  const turns: number[] = [];
  const thing = (number: number, fails = false): Disposable => ({
    [Symbol.dispose]: () => {
      turns.push(number);
      if (fails) throw new Error(`number ${number}`);
    },
  });
  disposeAll([thing(1), null, thing(2)]);
  expect(() => disposeAll([thing(3), thing(4, true), null, thing(5, true), thing(6)])).toThrow("number 4");
  expect(turns).toEqual([1, 2, 3, 4, 5, 6]);
});
