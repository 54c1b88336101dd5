import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { charactersOf, joined, withoutSpans } from "../../../src/corpus/contamination/chunks.js";
import { wordsOf } from "../../../src/corpus/text/hashes.js";

describe("characters of words", () => {
  it("are those between the spaces around them", () => {
    const text = "One, two-three\n ﷺ four!";
    // The ligature is four words.
    expect(wordsOf(text)).toHaveLength(8);
    const slice = (start: number, end: number) =>
      charactersOf(text, [{ start, end }]).map((span) => text.slice(span.start, span.end));
    expect(slice(0, 1)).toEqual(["One,"]);
    expect(slice(1, 2)).toEqual(["two-three"]);
    expect(slice(2, 4)).toEqual(["two-three\n ﷺ"]);
    expect(slice(7, 8)).toEqual(["four!"]);
  });

  it("hold the words, for any text and span", () => {
    const piece = fc.oneof(
      fc.constantFrom("a", "b-c", "ﷺ", " ", "\n", "!", "é"),
      fc.string({ unit: "binary", maxLength: 2 }),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.nat(20),
        fc.integer({ min: 1, max: 5 }),
        (pieces, start, length) => {
          const text = pieces.join("");
          const words = wordsOf(text);
          if (start + length > words.length) return;
          const [span, ...more] = charactersOf(text, [{ start, end: start + length }]);
          expect(more).toEqual([]);
          const inside = wordsOf(text.slice(span.start, span.end)).join(" ");
          expect(` ${inside} `).toContain(` ${words.slice(start, start + length).join(" ")} `);
        },
      ),
      { numRuns: 200 },
    );
  });
});

it("spans that touch are one", () => {
  const spans = [
    { start: 5, end: 6 },
    { start: 0, end: 2 },
    { start: 2, end: 3 },
    { start: 1, end: 2 },
  ];
  expect(joined(spans)).toEqual([
    { start: 0, end: 3 },
    { start: 5, end: 6 },
  ]);
});

it("what is cut out is gone, and only whole words stay", () => {
  const word = fc.constantFrom("aa", "bbb", "c", "dddd");
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), fc.nat(30), fc.nat(10), fc.nat(4), (list, start, length, margin) => {
      const text = list.join(" ");
      const span = { start: Math.min(start, text.length), end: Math.min(start + length, text.length) };
      const rest = withoutSpans(text, [span], margin, 1).split(/\s+/).filter(Boolean);
      // Words that do not touch the span and its margin.
      const expected: string[] = [];
      let at = 0;
      for (const value of list) {
        if (at + value.length <= span.start - margin || at >= span.end + margin) expected.push(value);
        at += value.length + 1;
      }
      expect(rest).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});
