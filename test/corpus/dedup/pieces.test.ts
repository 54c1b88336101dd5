import fc from "fast-check";
import { expect, it } from "vitest";
import { piecesOf, withoutPieces } from "../../../src/corpus/dedup/pieces.js";

const TEXT = "One.\nTwo.\n\n  Three.\n```js\ncode\n\nmore\n```\nFour.\n\n~~~\nopen";
const cut = (text: string, unit: "lines" | "paragraphs"): string[] =>
  piecesOf(text, unit).map(({ start, end }) => text.slice(start, end));

it("are the lines or paragraphs outside of fences", () => {
  expect(cut(TEXT, "lines")).toEqual(["One.", "Two.", "  Three.", "Four."]);
  expect(cut(TEXT, "paragraphs")).toEqual(["One.\nTwo.", "  Three.", "Four."]);
  expect(cut(" \n\n", "lines")).toEqual([]);
  expect(cut("", "paragraphs")).toEqual([]);
});

it("leave the rest of the text as it was, without the blank lines between them", () => {
  const without = (unit: "lines" | "paragraphs", ...which: number[]): string => {
    const pieces = piecesOf(TEXT, unit);
    return withoutPieces(
      TEXT,
      which.map((index) => pieces[index]),
    );
  };
  expect(without("lines")).toBe(TEXT);
  expect(without("lines", 0)).toBe(TEXT.slice(5));
  expect(without("paragraphs", 0)).toBe(TEXT.slice(11));
  expect(without("paragraphs", 0, 1, 2)).toBe("```js\ncode\n\nmore\n```\n\n~~~\nopen");
  expect(withoutPieces("a\n\nb\n\nc", piecesOf("a\n\nb\n\nc", "lines").slice(1, 2))).toBe("a\n\nc");
  expect(withoutPieces("a\n\nb", piecesOf("a\n\nb", "lines").slice(1))).toBe("a");
});

it("of any text: what stays are the other pieces, in order", () => {
  const lines = fc.array(fc.constantFrom("a", "b b", " c", "", "```", "~~~ x"), { maxLength: 12 });
  fc.assert(
    fc.property(
      lines,
      fc.constantFrom("lines", "paragraphs"),
      fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      (list, unit, goes) => {
        const text = list.join("\n");
        const pieces = piecesOf(text, unit);
        const rest = withoutPieces(
          text,
          pieces.filter((_, index) => goes[index]),
        );
        const expected = pieces.filter((_, index) => !goes[index]).map(({ start, end }) => text.slice(start, end));
        const left = cut(rest, unit);
        expect(left.join("\n").trim()).toBe(expected.join("\n").trim());
      },
    ),
    { numRuns: 500 },
  );
});
