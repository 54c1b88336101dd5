/** Each rule by texts just on either side of its threshold. */
import { describe, expect, it } from "vitest";
import type { ForgeDocument } from "../../../src/corpus/forge-document.js";
import { loadLanguageDetector } from "../../../src/corpus/rules/language.js";
import { whyNoProse } from "../../../src/corpus/rules/quality.js";
import { whyRepetitive } from "../../../src/corpus/rules/repetition.js";
import { rulesStep, whyDropped, withoutFences } from "../../../src/corpus/rules/rules.js";
import { DEFAULT_RULES } from "../../../src/corpus/rules/settings.js";
import { documentOf, runStep } from "../run-step.js";

/** Words that are all different, of five letters. */
function words(count: number, from = 0): string[] {
  const letter = (value: number): string => String.fromCharCode(97 + (value % 26));
  return Array.from({ length: count }, (_, i) => {
    const n = i + from;
    return `w${letter(n)}${letter(Math.floor(n / 26))}${letter(Math.floor(n / 676))}x`;
  });
}

const STOP = ["the", "of"];

describe("the rules of prose", () => {
  it.each<[string, string, string | null]>([
    ["prose", [...STOP, ...words(60)].join(" "), null],
    ["one stop word", ["the", ...words(60)].join(" "), "fewer than 2 stop words"],
    ["the same stop word twice", ["the", "the", ...words(60)].join(" "), "fewer than 2 stop words"],
    ["short words", ["the", "of", ...Array.from({ length: 60 }, () => "ab")].join(" "), "words shorter than 3"],
    ["long words", [...STOP, ...words(60).map((word) => word.repeat(3))].join(" "), "words longer than 10"],
    ["hash signs, few", [...STOP, ...words(58), ...Array(6).fill("#")].join(" "), null],
    ["hash signs, many", [...STOP, ...words(58), ...Array(8).fill("#")].join(" "), "hash signs"],
    ["ellipses, many", [...STOP, ...words(58).map((word, i) => (i < 8 ? `${word}...` : word))].join(" "), "ellipses"],
    [
      "list items, some",
      [STOP.join(" "), ...Array.from({ length: 9 }, (_, i) => `- ${words(6, 6 * i).join(" ")}`)].join("\n"),
      null,
    ],
    ["list items, all", [...STOP, ...words(40)].map((word) => `• ${word} ${word}`).join("\n"), "list items"],
    [
      "lines without end",
      `${[...STOP, ...words(40)].join(" ")}\n${words(4).join(" ")}...\n${words(4, 9).join(" ")}…`,
      "end in an ellipsis",
    ],
    [
      "numbers",
      [...STOP, ...words(38), ...Array.from({ length: 12 }, (_, i) => `${10000 + i}`)].join(" "),
      "have letters",
    ],
    ["numbers, fewer", [...STOP, ...words(38), ...Array.from({ length: 9 }, (_, i) => `${10000 + i}`)].join(" "), null],
    ["nothing", "  ", "no words"],
  ])("%s", (_name, text, why) => {
    const found = whyNoProse(text);
    if (why === null) expect(found).toBeNull();
    else expect(found).toContain(why);
  });

  it("ask for English words only where English is wanted", () => {
    expect(whyNoProse(words(60).join(" "), false)).toBeNull();
  });
});

describe("the rules against repetition", () => {
  /** Lines that are all different, and among them a short one again and again. */
  const lines = (distinct: number, repeated: number): string =>
    Array.from({ length: distinct }, (_, i) => `${words(6, 6 * i).join(" ")}${i < repeated ? "\naaaa" : ""}`).join(
      "\n",
    );

  it("count lines that were there before", () => {
    expect(whyRepetitive(lines(70, 30))).toBeNull();
    expect(whyRepetitive(lines(60, 40))).toContain("of the lines are repeated");
    const long = words(20).join(" ");
    expect(whyRepetitive([long, ...words(30), long].join("\n"))).toContain("repeated lines hold");
  });

  it("count paragraphs that were there before", () => {
    const paragraph = (i: number): string => `${words(4, 4 * i).join(" ")}\n${words(4, 1000 + 4 * i).join(" ")}`;
    const all = Array.from({ length: 10 }, (_, i) => paragraph(i));
    expect(whyRepetitive(all.join("\n\n"))).toBeNull();
    expect(whyRepetitive([...all, ...Array(6).fill(paragraph(3))].join("\n\n"))).toContain("repeated");
  });

  it.each([2, 3, 4])("count the most frequent run of %i words", (length) => {
    const run = words(length, 5000).join(" ");
    const mixed = (times: number): string =>
      Array.from({ length: 100 }, (_, i) => (i < times ? run : words(length, length * i).join(" "))).join(" ");
    const most = { 2: 20, 3: 18, 4: 16 }[length] ?? 0;
    expect(whyRepetitive(mixed(most - 1)) ?? "").not.toContain(`a run of ${length} words`);
    expect(whyRepetitive(mixed(most + 2))).toContain(`a run of ${length} words`);
  });

  it("count characters in repeated runs once", () => {
    const passage = words(30, 3000).join(" ");
    const text = (others: number): string => `${passage} ${words(others).join(" ")} ${passage}`;
    // 30 repeated words of 60 + others: the limit for runs of 10 is a tenth, for runs of 5 it is 15 hundredths.
    expect(whyRepetitive(text(250))).toBeNull();
    expect(whyRepetitive(text(150))).toContain("repeated runs of 6 words");
    expect(whyRepetitive(text(100))).toContain("repeated runs of 5 words");
  });

  it("is quick on a book", () => {
    const book = Array.from({ length: 200_000 }, (_, i) => words(1, (i * 7919) % 15_000)[0]).join(" ");
    const began = performance.now();
    whyRepetitive(book);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe("code between fences", () => {
  it("is left out, unless the fence has no end", () => {
    expect(withoutFences("a\n```js\nb\n```\nc\n~~~\nd\n~~~")).toBe("a\nc");
    expect(withoutFences("a\n```\nb")).toBe("a\n```\nb");
  });
});

describe("the step", () => {
  const text = [...STOP, ...words(60)].join(" ");
  const repeated = `${text}\n`.repeat(5);

  it("keeps and drops by form, with a reason", async () => {
    const documents: ForgeDocument[] = [
      documentOf(text),
      documentOf("Too short."),
      documentOf(repeated),
      documentOf(repeated, { form: "tool-documentation" }),
      documentOf("let x = 1; let y = 2; let z = 3;", { form: "code" }),
    ];
    const { kept, dropped } = await runStep(rulesStep(DEFAULT_RULES), [documents]);
    expect(kept[0]).toEqual([documents[0], documents[3], documents[4]]);
    expect(dropped[0].map(({ reason }) => reason)).toEqual([
      "length: fewer than 50 words",
      "repetition: more than 0.3 of the lines are repeated",
    ]);
  });

  it("has limits on both sides", () => {
    const rules = { ...DEFAULT_RULES, words: { text: { least: 2, most: 3 } }, quality: [], repetition: [] };
    expect(["a", "a b", "a b c", "a b c d"].map((each) => whyDropped(documentOf(each), rules, null))).toEqual([
      "length: fewer than 2 words",
      null,
      null,
      "length: more than 3 words",
    ]);
  });

  it("knows languages where they are asked for", async () => {
    const languageOf = await loadLanguageDetector();
    const rules = { ...DEFAULT_RULES, words: {}, quality: [], repetition: [], languages: ["en"] };
    expect(
      whyDropped(
        documentOf("The quick brown fox jumps over the lazy dog while the children are watching it from the garden."),
        rules,
        languageOf,
      ),
    ).toBeNull();
    expect(
      whyDropped(
        documentOf(
          "Der schnelle braune Fuchs springt über den faulen Hund, während die Kinder aus dem Garten zuschauen.",
        ),
        rules,
        languageOf,
      ),
    ).toBe("language: de");
    expect(whyDropped(documentOf("x = y"), rules, languageOf)).toContain("language");
    expect(whyDropped(documentOf("def f(): pass", { form: "code" }), rules, languageOf)).toBeNull();
  });
});
