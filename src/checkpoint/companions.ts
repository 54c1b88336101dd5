/** The files beside a model's weights and configuration that Hugging Face folders have: how text becomes tokens, where generation ends. */
import { dirname, join } from "node:path";
import { exists } from "../base/files.js";

export const TOKENIZER_FILE = "tokenizer.json";
export const TOKENIZER_CONFIG_FILE = "tokenizer_config.json";
export const GENERATION_FILE = "generation_config.json";

/** `tokenizer.model` is SentencePiece's file, which llama.cpp's converter prefers; the rest are `transformers`' names of both versions. */
const NAMES = [
  ...[TOKENIZER_FILE, TOKENIZER_CONFIG_FILE, GENERATION_FILE, "special_tokens_map.json", "added_tokens.json"],
  ...["vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json"],
];

/** Name → path of those that a folder has. */
export async function companionsIn(folder: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const name of NAMES) if (await exists(join(folder, name))) found[name] = join(folder, name);
  return found;
}

/** A tokenizer and what stands beside it. */
export async function companionsOf(tokenizer: string): Promise<Readonly<Record<string, string>>> {
  return { ...(await companionsIn(dirname(tokenizer))), [TOKENIZER_FILE]: tokenizer };
}
