/** Generated texts for the tokenizer's tests and golden files: plain ones to train on, nasty ones to encode. Nothing here is quoted from anywhere. */
import { random32, streamOf } from "../../../src/base/random.js";

const WORDS =
  "tool call weather city table river small bright green number list order open close find make take give the a of and to in is it's we'll don't".split(
    " ",
  );
const FOREIGN = ["größe", "été", "река", "город", "水", "東京", "नमस्ते", "किताब", "مدينة", "도시", "ἄνθρωπος"];
const KEYS = ["name", "type", "description", "parameters", "required", "string", "integer", "array"];

/** Draws from a named stream: `draw(n)` is below n. */
export function drawer(stream: string): (below: number) => number {
  let index = 0;
  return (below) => random32(7, streamOf(stream), index++) % below;
}

/** Text documents: prose in several scripts, tool descriptions as JSON, and code. */
export function trainingTexts(documents: number): string[] {
  return Array.from({ length: documents }, (_, at) => {
    const draw = drawer(`training ${at}`);
    const pick = <T>(list: readonly T[]): T => list[draw(list.length)];
    const phrase = (length: number): string =>
      Array.from({ length }, () => (draw(8) === 0 ? pick(FOREIGN) : pick(WORDS))).join(" ");
    const tool = (): string =>
      JSON.stringify({ name: `get_${pick(WORDS)}`, [pick(KEYS)]: phrase(4), [pick(KEYS)]: draw(5000) }, null, 2);
    const code = (): string =>
      `def ${pick(KEYS)}_${pick(WORDS)}(self, ${pick(KEYS)}):\n    return ${pick(KEYS)}[${draw(100)}] + ${draw(9)}.5\n\n`;
    const prose = (): string => `${phrase(6 + draw(8))}. `;
    return Array.from({ length: 6 }, () => pick([tool, code, prose, prose])()).join("\n");
  });
}

const BLOCKS = [
  [0x20, 0x7e],
  [0xa1, 0x24f],
  [0x391, 0x3a1],
  [0x410, 0x44f],
  [0x5d0, 0x5ea],
  [0x620, 0x64a],
  [0x905, 0x939],
  [0x93e, 0x94d],
  [0xe01, 0xe2e],
  [0x1100, 0x1112],
  [0x3041, 0x3096],
  [0x4e00, 0x9fa5],
  [0xac00, 0xd7a3],
  [0x300, 0x36f],
  [0x2000, 0x206f],
  [0x1d400, 0x1d454],
  [0x1f600, 0x1f64f],
  [0x9, 0xd],
  [0x660, 0x669],
  [0x2160, 0x216b],
] as const;

/** Strings of code points from blocks of many scripts, all assigned long ago so that every Unicode version agrees on them. */
export function randomTexts(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const draw = drawer(`random ${at}`);
    const characters = Array.from({ length: 1 + draw(60) }, () => {
      const [first, last] = BLOCKS[draw(BLOCKS.length)];
      return draw(4) === 0 ? " " : String.fromCodePoint(first + draw(last - first + 1));
    });
    return characters.join("");
  });
}

const SPELLINGS = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<s>",
  "</s>",
  "<tool_call>",
  "world",
  "trailing",
  "<|begin_of_text|>",
];
const GLUE = ["", " ", "\n", "  ", "\u00a0", "_", "x", "<", "\u0301", "\u2581"];

/** Random texts with added tokens among them, and what touches these. */
export function spelledTexts(count: number): string[] {
  return randomTexts(count).map((text, at) => {
    const draw = drawer(`spelled ${at}`);
    const pick = <T>(list: readonly T[]): T => list[draw(list.length)];
    return Array.from({ length: 1 + draw(4) }, () =>
      [Array.from(text).slice(0, draw(12)).join(""), pick(GLUE), pick(SPELLINGS), pick(GLUE)].join(""),
    ).join("");
  });
}

/** Well-formed texts that break careless tokenizers. */
export const NASTY_TEXTS: readonly string[] = [
  "",
  " ",
  "\n",
  "a",
  "Hello world, it's WE'LL they'Re don'T 'sß 'ſ",
  "  leading and trailing   ",
  "tabs\t\tand\r\nline ends\n\n\n\nand\rreturns \n \n x",
  "spaces    inside     words\n    indented\n\tdeeper",
  "0 12 345 6789 1234567890 3.14159 1,000,000 0xff ١٢٣٤ ⅫⅣ ½²³",
  '{"name": "get_weather", "parameters": {"city": ["Zürich", null, true, -1.5e-3]}}',
  "def f(x):\n    return {k: v for k, v in x.items() if v is not None}  # ok\n",
  "https://example.org/a_b-c?d=e&f=%20#g user@example.org C:\\temp\\new",
  "!!!???...---===>>><<<///\\\\\\|||~~~```'''\"\"\"",
  "Größe ÉTÉ naïve café café Å Å ﬁ ﬀ Ω Ω",
  "река город Ελληνικά ἄνθρωπος עִבְרִית العَرَبِيَّة فارسی",
  "नमस्ते किताब বাংলা தமிழ் ไทยภาษา ខ្មែរ",
  "水の東京は大きい。한국어 텍스트 각 ひらがなカタカナ",
  "😀😃 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇨🇭🇩🇪 1️⃣ 𝒜𝓑 𐍈",
  "zero\u200bwidth\u200djoin\ufeffbom\u00a0nbsp\u2003em\u3000ideographic\u0085next\u2028line\u2029para",
  "\u0000\u0001\u0007\u001b[31m\u007f\u0080\u009f",
  "e\u0301\u0302\u0303 \u0301alone \u0915\u094d\u0937",
  "\ufffd\ufffe\uffff\u{10ffff}\ue000",
  "<|endoftext|>",
  "before<|endoftext|>after <|endoftext|> <|endoftext|",
  "<|im_start|>user\nHi<|im_end|>\n<tool_call>{}</tool_call>",
  "<|endoftext|><|endoftext|>\n<|im_start|><|im_start|>",
  "<tool_call>é</tool_call>",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "abababababababababababababababababababababababababababab",
  "the".repeat(100),
  "__proto__ constructor toString hasOwnProperty",
];
