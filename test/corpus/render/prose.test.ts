import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clipProse, oneLine, plainProse, spaced } from "../../../src/corpus/render/prose.js";

describe("prose without markup", () => {
  it.each([
    [
      "<p>Gets a <b>pet</b> by <code>id</code>.</p><p>It is &lt;free&gt; &amp; fast.</p>",
      "Gets a pet by `id`.\nIt is <free> & fast.",
    ],
    ["<ul><li>one</li><li>two</li></ul>", "- one\n- two"],
    ["A `List<String>` or a Map<String>.", "A `List<String>` or a Map<String>."],
    ["See [the *guide*](https://a.example/b 'x') and [docs](https://a.example).", "See the guide and docs."],
    ["## Limits\nAt most **ten**\na day.\n\n* a\n* b", "Limits\nAt most ten a day.\n- a\n- b"],
    ["Uses {@link Pet} and {@link Pet.name the name}, {@code x}.", "Uses `Pet` and the name, `x`."],
    ["```js\nf( 1 );\n```", "```\nf( 1 );\n```"],
    ["a <!-- hidden --> b \0 &#65; &amp;lt; snake_case_name", "a b A &lt; snake_case_name"],
    ["", ""],
    ["<p></p>", ""],
  ])("%j", (markup, prose) => {
    expect(plainProse(markup)).toBe(prose);
  });

  it("is well-formed, without NUL, in linear time, whatever it is made from", () => {
    const parts = [
      "<",
      "a",
      " ",
      "`",
      "[",
      "](",
      ")",
      "*",
      "_",
      "{@link ",
      "}",
      "\n",
      "- ",
      "```",
      "|",
      "--",
      "&#",
      "\ud800",
      "\0",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 60 }), (list) => {
        expect(plainProse(list.join(""))).not.toMatch(/[\0\p{Surrogate}]/u);
      }),
    );
    const started = performance.now();
    for (const part of parts) plainProse(part.repeat(20_000));
    // Quadratic time would be minutes.
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("is set with blank lines, or in one line", () => {
    expect(spaced("A.\n- b\n- c\nD.")).toBe("A.\n\n- b\n- c\n\nD.");
    expect(oneLine("A:\n- b\n- c\nD.")).toBe("A: b; c D.");
  });

  it("is cut between sentences, at words only where a sentence is far too long, and not before what it announces", () => {
    expect(clipProse("One, e.g. this. Two.", 17)).toBe("One, e.g. this.");
    expect(clipProse("One.\nOne of:\n- first value here", 16)).toBe("One.");
    expect(clipProse("word ".repeat(100), 12)).toBe("word word …");
    expect(clipProse("Short.", 10)).toBe("Short.");
  });
});
