/** What a program demands of its indices, each thing once. */
import { expect, it } from "vitest";
import type { IndexRule, Operation, Place } from "../../../src/engine/native/call.js";
import type { Buffer } from "../../../src/engine/native/device.js";
import { checkIndices, indexUses } from "../../../src/engine/native/indices.js";

type Placed = Buffer & { readonly place: Place };

function bufferAt(memory: object, start: number, size: number): Placed {
  return { name: `at ${start}`, shape: [size], dtype: "i32", size, place: { memory, start, size } };
}

function reading(...indices: readonly (readonly [Buffer, IndexRule])[]): Operation {
  return {
    ...{ name: "embed", flags: 0, sizes: [], reals: [], buffers: [], outputs: 0, inPlace: null },
    indices: indices.map(([buffer, rule]) => ({ buffer, rule })),
  };
}

it("names each stretch of memory and rule once, in the order of the operations", () => {
  const [one, other] = [{}, {}];
  const [ids, same, tail, elsewhere] = [
    bufferAt(one, 0, 8),
    bufferAt(one, 0, 8),
    bufferAt(one, 4, 4),
    bufferAt(other, 0, 8),
  ];
  const operations = [
    reading([ids, { limit: 5 }]),
    reading([same, { limit: 5 }], [same, { limit: 4 }]),
    reading([tail, { limit: 5 }], [elsewhere, { limit: 5 }], [ids, { causal: { T: 4 } }]),
    reading([same, { causal: { T: 4 } }], [ids, { causal: { T: 8 } }]),
  ];
  const uses = indexUses(operations, (buffer) => buffer as Placed);
  expect(uses.map(({ buffer, rule }) => [buffer, rule])).toEqual([
    [ids, { limit: 5 }],
    [same, { limit: 4 }],
    [tail, { limit: 5 }],
    [elsewhere, { limit: 5 }],
    [ids, { causal: { T: 4 } }],
    [ids, { causal: { T: 8 } }],
  ]);
});

it.each([
  [[0, 4], { limit: 4 }, "element 1 is 4, expected 0 to 3"],
  [[-1, 0], { limit: 4 }, "element 0 is -1, expected 0 to 3"],
  [[0, 1, 1, 0], { causal: { T: 2 } }, "element 2 is 1, expected 0 to 0"],
  [[0, -1], { causal: { T: 2 } }, "element 1 is -1, expected 0 to 1"],
] as const)("refuses %j by %j", (values, rule, message) => {
  expect(() => checkIndices(bufferAt({}, 0, values.length), Int32Array.from(values), rule)).toThrow(message);
});

it.each([
  [[0, 3], { limit: 4 }],
  [[0, 1, 0, 0, 2], { causal: { T: 5 } }],
  [[], { limit: 1 }],
] as const)("accepts %j by %j", (values, rule) => {
  expect(() => checkIndices(bufferAt({}, 0, 1), Int32Array.from(values), rule)).not.toThrow();
});
