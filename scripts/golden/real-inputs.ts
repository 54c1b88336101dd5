/**
 * Writes the tokenizers of published models and what to ask about them into a folder.
 * Run: npx tsx scripts/golden/real-inputs.ts <folder> && python3 scripts/golden/tokenizer.py real <folder>
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadTokenizer } from "../../src/data/tokenizer/tokenizer.js";
import { REAL_TEXTS, realIds, wellFormed } from "../../test/data/tokenizer/real-texts.js";
import { REAL_TOKENIZERS, writeRealTokenizers } from "./real-tokenizers.js";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: real-inputs.ts <folder>");
const trouble = await writeRealTokenizers(folder);
if (trouble !== null) throw new Error(trouble);
const ids: Record<string, number[][]> = {};
for (const name of Object.keys(REAL_TOKENIZERS))
  ids[name] = realIds((await loadTokenizer(join(folder, name, "tokenizer.json"))).vocabulary);
await writeFile(join(folder, "questions.json"), JSON.stringify({ texts: REAL_TEXTS.map(wellFormed), ids }));
