import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopStrings } from "../../src/eval/stop-strings.js";

/** Everything that is shown of a text that comes in these pieces. */
function shown(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const scanner = new StopStrings(stops);
  let text = "";
  for (const piece of pieces) {
    const now = scanner.push(piece);
    text += now.text;
    if (now.stopped) return { text, stopped: true };
  }
  return { text: text + scanner.end(), stopped: false };
}

describe("StopStrings", () => {
  it("finds a stop across pieces and shows nothing of it", () => {
    expect(shown(["one <", "|en", "d|> two"], ["<|end|>"])).toEqual({ text: "one ", stopped: true });
  });

  it("gives back what only looked like a beginning", () => {
    expect(shown(["a\n", "\nb\n"], ["\n\n\n"])).toEqual({ text: "a\n\nb\n", stopped: false });
  });

  it("shows at once what cannot begin a stop", () => {
    const scanner = new StopStrings(["###"]);
    expect(scanner.push("text #")).toEqual({ text: "text ", stopped: false });
    expect(scanner.push("1")).toEqual({ text: "#1", stopped: false });
  });

  /** Few letters, so that beginnings repeat within themselves. */
  const word = (minLength: number, maxLength: number) =>
    fc.array(fc.constantFrom("a", "b", "\u00e9"), { minLength, maxLength }).map((letters) => letters.join(""));

  it("wherever the pieces are cut, the text is the whole one up to its first stop, and never too much is shown", () => {
    const cases = fc.tuple(fc.array(word(0, 4), { maxLength: 12 }), fc.array(word(1, 4), { maxLength: 3 }));
    fc.assert(
      fc.property(cases, ([pieces, stops]) => {
        const whole = pieces.join("");
        const stopped = stops.some((stop) => whole.includes(stop));
        const found = shown(pieces, stops);
        expect(found.stopped).toBe(stopped);
        expect(found.text).toBe(stopped ? firstByCompletion(whole, stops) : whole);
      }),
      { numRuns: 1000 },
    );
  });
});

/** What stands before the stop that is complete first. */
function firstByCompletion(whole: string, stops: readonly string[]): string {
  for (let end = 1; end <= whole.length; end++) {
    const starts = stops.filter((stop) => whole.slice(0, end).includes(stop)).map((stop) => whole.indexOf(stop));
    if (starts.length > 0) return whole.slice(0, Math.min(...starts));
  }
  return whole;
}
