/**
 * Writes what the tokenizer's golden files start from: a tokenizer trained by us on generated text, and the texts to encode.
 * Run: npx tsx scripts/golden/tokenizer-inputs.ts && python3 scripts/golden/tokenizer.py
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tokenizerJson, trainBpe } from "../../src/data/tokenizer/bpe-train.js";
import { DECODERS, randomIds } from "../../test/data/tokenizer/tokenizer-decoders.js";
import { NASTY_TEXTS, randomTexts, trainingTexts } from "../../test/data/tokenizer/tokenizer-texts.js";
import { sentencepieceJson } from "./sentencepiece.js";

const folder = join(import.meta.dirname, "../../test/golden/tokenizer");
const trained = await trainBpe(trainingTexts(300), { vocabulary: 600 });
await writeFile(join(folder, "tokenizer.json"), `${JSON.stringify(tokenizerJson(trained))}\n`);
await writeFile(join(folder, "sentencepiece.json"), `${JSON.stringify(sentencepieceJson(trainingTexts(200), 700))}\n`);
await writeFile(join(folder, "texts.json"), `${JSON.stringify([...NASTY_TEXTS, ...randomTexts(25)], null, 1)}\n`);
await writeFile(join(folder, "decoders.json"), `${JSON.stringify({ variants: DECODERS, ids: randomIds(40) })}\n`);
