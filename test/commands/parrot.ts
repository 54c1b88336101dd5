/**
 * A model folder whose model answers one text, whatever it is told: attention and feed-forward add nothing to one-hot embeddings, so that
 * the next token is a function of the last one, and the head spells out a chain of them.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeHashed } from "../../src/checkpoint/hashed-file.js";
import { writeSafetensors } from "../../src/checkpoint/safetensors.js";
import { BYTE_CHARACTERS } from "../../src/data/tokenizer/bpe-alphabet.js";
import { END_OF_TEXT, tokenizerJson } from "../../src/data/tokenizer/bpe-train.js";
import { toHuggingFaceConfig } from "../../src/model/hugging-face.js";
import { parameterTable } from "../../src/model/parameters.js";
import { architectureOf } from "../engine/cases.js";

/** No token comes twice in it, so that the last one says what is next. */
export const TOOL_CALL = "<tool_call>{f(1)}</tool_call>";
const CHAIN = ["\u010a", "<tool_call>", "{", "f", "(", "1", ")", "}", "</tool_call>", "<|im_end|>"];

/** Added after the bytes: the brackets of a call are no special tokens, as in published models. */
const ADDED = [
  { content: "<|im_start|>", special: true },
  { content: "<|im_end|>", special: true },
  { content: "<tool_call>", special: false },
  { content: "</tool_call>", special: false },
];

export async function writeParrot(folder: string): Promise<void> {
  const tokens = [END_OF_TEXT, ...BYTE_CHARACTERS];
  const base = tokenizerJson({ tokens, merges: [] });
  const added = ADDED.map((token, index) => ({
    ...{ id: tokens.length + index, single_word: false, lstrip: false, rstrip: false, normalized: false, ...token },
  }));
  const added_tokens = [...(base["added_tokens"] as readonly unknown[]), ...added];
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify({ ...base, added_tokens }));
  const all = [...tokens, ...ADDED.map(({ content }) => content)];
  const V = all.length;
  const small = { layers: 1, heads: 1, kvHeads: 1, headWidth: 2, feedForward: 1, maxLength: 512 };
  const architecture = architectureOf({ ...small, width: V, vocabulary: V, tied: false });
  const config = toHuggingFaceConfig(architecture, { dtype: "float32", endOfText: 0 });
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  const next = new Map(CHAIN.slice(1).map((token, index) => [CHAIN[index], token]));
  const table = parameterTable(architecture);
  const arrays = table.map(({ name, shape }) => {
    const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    if (name.endsWith("norm.weight")) values.fill(1);
    if (name === "model.embed_tokens.weight") for (let id = 0; id < V; id++) values[id * V + id] = 1;
    if (name === "lm_head.weight")
      all.forEach((token, id) => {
        values[all.indexOf(next.get(token) ?? "<|im_end|>") * V + id] = 1;
      });
    return values;
  });
  await writeHashed(join(folder, "model.safetensors"), (sink) => writeSafetensors(sink, table, arrays));
}
