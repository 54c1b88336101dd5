/** The tokens that end what a model says. */
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { CONFIG_FILE } from "../checkpoint/format.js";
import { readJsonObject } from "../checkpoint/json.js";
import type { Tokenizer } from "../data/tokenizer/tokenizer.js";

/** Where Hugging Face keeps `eos_token_id`, a number or a list; the first file that names any counts, as in `transformers`. */
const FILES = ["generation_config.json", CONFIG_FILE];

/**
 * The tokenizer's end of text, and what the files of a model's folder name.
 * @throws UserError when a file names something that is no token id.
 */
export async function endTokensOf(
  folder: string,
  tokenizer: Pick<Tokenizer, "endOfText">,
): Promise<ReadonlySet<number>> {
  for (const file of FILES) {
    const named = await namedIn(join(folder, file));
    if (named.length > 0) return new Set([tokenizer.endOfText, ...named]);
  }
  return new Set([tokenizer.endOfText]);
}

async function namedIn(path: string): Promise<readonly number[]> {
  if (!(await exists(path))) return [];
  const value = (await readJsonObject(path))["eos_token_id"] ?? [];
  const ids: readonly unknown[] = Array.isArray(value) ? value : [value];
  return ids.map((id) => {
    if (typeof id === "number" && Number.isSafeInteger(id) && id >= 0) return id;
    throw new UserError({
      what: "`eos_token_id` is no token id",
      where: path,
      expected: "a whole number from 0 on, or a list of them",
      got: String(JSON.stringify(id)).slice(0, 80),
    });
  });
}
