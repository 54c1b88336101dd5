/** Texts and ids for the tokenizers of published models, beside `NASTY_TEXTS`; long ones are compared by their count and hash. */
import { createHash } from "node:crypto";
import { drawer, NASTY_TEXTS, randomTexts } from "./tokenizer-texts.js";

const SPACES = [
  "\u00a0",
  "\u1680",
  "\u2000",
  "\u2009",
  "\u200a",
  "\u202f",
  "\u205f",
  "\u3000",
  "\u0085",
  "\u2028",
  "\u2029",
  "\u000b",
  "\u000c",
  "\u001c",
];

const MORE_TEXTS: readonly string[] = [
  "\u0000",
  "a\u0000b\u0000\u0000c \u0000",
  "\ufeff",
  "\ufeffbegins with a byte-order mark\ufeff",
  Array.from({ length: 33 }, (_, at) => String.fromCharCode(at === 32 ? 0x7f : at)).join(""),
  Array.from({ length: 33 }, (_, at) => `x${String.fromCharCode(0x7f + at)}`).join(""),
  SPACES.map((space) => `a${space}b${space}${space}c`).join(""),
  SPACES.join(""),
  "\r",
  "\r\n",
  "\n\r",
  "\r\n\r\n",
  " \r\n \t\r\n\t",
  "x\r\ny\rz\n\n",
  "\t",
  "\t\t\t\tx",
  " \t \t",
  "a \n",
  "\u200b",
  "\u2060\u180e\u00ad",
  "Caf\u00e9 Cafe\u0301 \u1e9b\u0323 \u017f\u0307 \ufb01 \u2126 \u212b \uac00 \u1100\u1161 \u0f71\u0f72 \u0958 \u0915\u093c \u2460 \uff21",
  "q\u0307\u0323 q\u0323\u0307 a\u0301\u0301\u0301 \u0344 \u0340\u0341",
  "z\u0351\u036b\u0343a\u0363l\u0356g\u0321\u033e o\u035c\u0360",
  "👋🏻👋🏼👋🏽👋🏾👋🏿 👨‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇺🇳🇪🇺🇦 ❤️‍🔥 👁️‍🗨️ 0️⃣#️⃣ ☺︎☺️ 🫠🥹",
  "ქართული ⴄ Հայերեն አማርኛ ᏣᎳᎩ ᚠᚢᚦ ⵜⵉⴼ ߒߞߏ ꦗꦮ 𞤀𞤣 𓀀𒀀 ᠮᠣᠩ မြန်မာ ພາສາ བོད ខ្មែរ සිංහල ગુજરાતી ਪੰਜਾਬੀ ଓଡ଼ିଆ తెలుగు ಕನ್ನಡ മലയാളം",
  "Tiếng Việt İstanbul ıI ǅ ŉ ß ẞ ﬃ ſt ℡ № ½ ⅷ ⁹ ₉ ٣ ৩ 三 〇 ㊿ 𝟗 𐄇",
  "mixed עברית and العربية\u200f with \u202bmarks\u202c 123",
  "1234567 12345 123 1.234.567,89 1e10 0x1F 007 １２３ 12ab34",
  "don't I'LL you'VE he'S 'tis 'Twas rock'n'roll ''s 'Re' ’s it’s",
  "camelCaseXMLHttpRequest snake_case_name SCREAMING_CASE kebab-case-name a1b2c3",
  "<?xml version=\"1.0\"?>\n<a href='x'>\n\t<!-- c -->\n</a>\n",
  "if (a && b || !c) { return a ? b[0] : {...c}; } // π ≈ 3.14\n\n\n\t}\n",
  "▁ ▁▁ a▁b ▁a <0x0A> <0xE2><0x82><0xAC> <0xZZ>",
  "<s>",
  "</s>",
  "<unk>",
  "<s>a</s> <s> b </s>\n<unk>c",
  "[INST] <<SYS>>\nx\n<</SYS>>\n\nHi [/INST] Hello </s><s>[INST] x [/INST]",
  "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nx<|eot_id|><|end_of_text|>",
  '<|im_start|>system\nYou are.<|im_end|>\n<|im_start|>user\n<tool_call>\n{"name": "f"}\n</tool_call><|im_end|>\n<think>\n\n</think>\n\n',
  "<|endoftext|> <|endoftext|>\n<|im_end|><|im_end|> <|IM_END|> <|im_end| <|reserved_special_token_0|>",
  "Ġ Ċ ĉ âĢĻ Ã© ĠĠĠ",
  "\ud7ff\ue000\uf8ff\ufdd0\ufffe\u{1fffe}\u{e0001}\u{f0000}\u{10fffd}",
  "\ud800",
  "a\udfff",
  "\udc00\ud800",
  "\ud83d \ude00",
  "x\ud83dy\ude00z😀",
];

const LONG_TEXTS: readonly string[] = [
  " ".repeat(10_000),
  "a".repeat(100_000),
  "\n".repeat(5000),
  "\t".repeat(3000),
  "\r\n".repeat(2000),
  "7".repeat(10_000),
  "=".repeat(5000),
  "é".repeat(5000),
  "e\u0301".repeat(2000),
  "日".repeat(5000),
  "😀".repeat(3000),
  "\u0000".repeat(2000),
  "ab ".repeat(5000),
  "the quick brown fox ".repeat(500),
  "aZ9+/".repeat(4000),
];

export const REAL_TEXTS: readonly string[] = [...NASTY_TEXTS, ...MORE_TEXTS, ...randomTexts(60), ...LONG_TEXTS];

/** Lists of ids below a vocabulary, so that most of them join badly. */
export function realIds(vocabulary: number, count = 60): number[][] {
  return Array.from({ length: count }, (_, at) => {
    const draw = drawer(`real ids ${at}`);
    // Low ids are bytes, single characters and, in Llama 2, the byte tokens; the last ones are special.
    const ranges = [vocabulary, 300, 300].map((below) => () => draw(below));
    return Array.from({ length: at % 100 }, () => (draw(12) === 0 ? vocabulary - 1 - draw(20) : ranges[draw(3)]()));
  });
}

/** Python cannot hand half a surrogate pair to `tokenizers`: `encode("utf-8", "replace")` and our loader both write U+FFFD for it. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** A list as it is, or, if it is long, its length and the SHA-256 of its numbers with commas between them. */
export function digestOf(ids: readonly number[]): readonly number[] | string {
  if (ids.length <= 60) return ids;
  return `${ids.length} ${createHash("sha256").update(ids.join(",")).digest("hex").slice(0, 32)}`;
}
