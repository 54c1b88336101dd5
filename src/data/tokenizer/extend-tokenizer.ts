/** A tokenizer with new tokens: `tokenizer.json` and the settings beside it, everything else as it was. */
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../../base/errors.js";
import { exists, readJson, writeFileAtomic } from "../../base/files.js";
import { isFields, readTokenizerFile } from "./tokenizer-file.js";

export interface NewTokens {
  readonly tokens: readonly string[];
  readonly special: boolean;
}

const SETTINGS = "tokenizer_config.json";
/** Files beside a tokenizer that new tokens do not change. */
const CARRIED = ["chat_template.jinja", "chat_template.json", "special_tokens_map.json", "generation_config.json"];

/**
 * Writes `path` with the tokens of `base`, then the new ones in their order, from the next free id on. They are found in text exactly as
 * they are written, before the normalizer has seen it.
 * @throws UserError when the base is no tokenizer, or has one of the tokens already.
 */
export async function extendTokenizer(base: string, { tokens, special }: NewTokens, path: string): Promise<void> {
  const { idOf, vocabulary } = await readTokenizerFile(base);
  const there = tokens.filter((token) => idOf(token) !== null);
  if (there.length > 0)
    throw new UserError(
      there.map((token) => ({
        what: `the tokenizer has the token ${JSON.stringify(token)} already`,
        where: base,
        got: `id ${idOf(token)}`,
        hint: "remove it from `data.tokenizer.add.tokens`",
      })),
    );
  const added = tokens.map((content, index) => ({
    id: vocabulary + index,
    content,
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
    special,
  }));
  const content = await readJson(base);
  if (!isFields(content)) throw new Error("a tokenizer that was read is no object");
  const before = Array.isArray(content["added_tokens"]) ? content["added_tokens"] : [];
  await write(path, { ...content, added_tokens: [...before, ...added] });
  const settings = join(dirname(base), SETTINGS);
  if (await exists(settings)) await write(join(dirname(path), SETTINGS), withDecoder(await readJson(settings), added));
  for (const name of CARRIED) await carry(join(dirname(base), name), join(dirname(path), name));
}

/** A file that the base does not have is one of an earlier base, and goes. */
async function carry(from: string, to: string): Promise<void> {
  if (await exists(from)) await writeFileAtomic(to, await readFile(from));
  else await rm(to, { force: true });
}

function write(path: string, content: unknown): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(content, null, 1)}\n`);
}

/** Settings of newer versions list the added tokens again, by id. */
function withDecoder(settings: unknown, added: readonly { readonly id: number }[]): unknown {
  if (!isFields(settings) || !isFields(settings["added_tokens_decoder"])) return settings;
  const entries = added.map(({ id, ...token }) => [String(id), token]);
  return { ...settings, added_tokens_decoder: { ...settings["added_tokens_decoder"], ...Object.fromEntries(entries) } };
}
