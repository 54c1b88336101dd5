import fc from "fast-check";
import { expect, it } from "vitest";
import { RunIndex } from "../../../src/corpus/contamination/run-index.js";
import { wordHashes } from "../../../src/corpus/text/hashes.js";

const word = fc.constantFrom("a", "b", "c");
const text = (most: number) => fc.array(word, { maxLength: most }).map((list) => list.join(" "));

it("finds exactly the runs that a search of texts finds, and their items", () => {
  fc.assert(
    fc.property(fc.array(fc.array(text(9), { maxLength: 3 }), { maxLength: 5 }), text(25), (items, document) => {
      const [run, shortest] = [5, 3];
      const index = new RunIndex(
        items.map((texts) => ({ texts })),
        run,
        shortest,
      );
      const words = document === "" ? [] : document.split(" ");
      const found = new Set<string>();
      for (const hit of index.hits(wordHashes(document))) {
        const piece = words.slice(hit.start, hit.end).join(" ");
        for (const item of index.itemsOf(hit.run)) found.add(`${hit.start} ${piece} in ${item}`);
      }
      const expected = new Set<string>();
      for (const [item, texts] of items.entries())
        for (const own of texts.map((value) => (value === "" ? [] : value.split(" ")))) {
          if (own.length < shortest) continue;
          const length = Math.min(run, own.length);
          for (let from = 0; from + length <= own.length; from++)
            for (let start = 0; start + length <= words.length; start++) {
              const piece = words.slice(start, start + length).join(" ");
              if (piece === own.slice(from, from + length).join(" ")) expected.add(`${start} ${piece} in ${item}`);
            }
        }
      expect(found).toEqual(expected);
      const short = items.filter((texts) => texts.every((value) => value.split(" ").filter(Boolean).length < shortest));
      expect(index.tooShort).toBe(short.length);
    }),
    { numRuns: 500 },
  );
});

it("looks for items of one word as for any other", () => {
  const index = new RunIndex([{ texts: ["needle"] }], 1, 1);
  expect(index.hits(wordHashes("hay needle hay needle"))).toEqual([
    { run: 0, start: 1, end: 2 },
    { run: 0, start: 3, end: 4 },
  ]);
});
