/** Where a chat template comes from: the plan names one, or it stands beside the tokenizer. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode, UserError } from "../../base/errors.js";
import { exists, readJson } from "../../base/files.js";
import { type Fields, isFields } from "../tokenizer/tokenizer-file.js";
import { type ChatTemplate, compileTemplate } from "./chat-template.js";
import { CHATML } from "./chatml.js";

/** Templates of ours, by the name that a plan gives instead of a file. */
const BUILT_IN: Readonly<Record<string, string>> = { chatml: CHATML };

/** A template text, and the one to use instead where there are tools. */
interface Texts {
  readonly where: string;
  readonly text: string;
  readonly toolUse: string | null;
}

/**
 * The template named by `choice`: a built-in name (`chatml`), a Jinja file, or a `tokenizer_config.json`. Null: that of the tokenizer, from
 * `chat_template.jinja` or `tokenizer_config.json` beside it, in this order as in `transformers`.
 * @throws UserError when there is none, or it cannot be read.
 */
export async function loadChatTemplate(tokenizerPath: string, choice: string | null): Promise<ChatTemplate> {
  const folder = dirname(tokenizerPath);
  const config = join(folder, "tokenizer_config.json");
  const specialTokens = (await exists(config)) ? namedTokens(await readJson(config)) : {};
  const texts = choice === null ? await besideTokenizer(folder) : await chosen(choice);
  if (texts !== null) return compileTemplate({ ...texts, specialTokens });
  throw new UserError({
    what: "there is no chat template beside this tokenizer",
    where: tokenizerPath,
    expected: "chat_template.jinja, or `chat_template` in tokenizer_config.json",
    hint: "name a template: a Jinja file, or the built-in `chatml`",
  });
}

async function besideTokenizer(folder: string): Promise<Texts | null> {
  const jinja = join(folder, "chat_template.jinja");
  const config = join(folder, "tokenizer_config.json");
  if (await exists(jinja)) return fromJinja(jinja, join(folder, "additional_chat_templates", "tool_use.jinja"));
  return (await exists(config)) ? fromConfig(config) : null;
}

async function chosen(choice: string): Promise<Texts> {
  if (Object.hasOwn(BUILT_IN, choice)) return { where: choice, text: BUILT_IN[choice], toolUse: null };
  if (!choice.endsWith(".json")) return fromJinja(choice, null);
  const texts = await fromConfig(choice);
  if (texts !== null) return texts;
  throw new UserError({ what: "this file has no `chat_template`", where: choice, expected: "a tokenizer_config.json" });
}

async function fromJinja(path: string, toolUse: string | null): Promise<Texts> {
  const both = toolUse !== null && (await exists(toolUse));
  return { where: path, text: await readText(path), toolUse: both ? await readText(toolUse) : null };
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    const what = `cannot read this chat template (${systemCode(error) ?? "unknown error"})`;
    const hint = `name a Jinja file, or one of ${Object.keys(BUILT_IN).join(", ")}`;
    throw new UserError({ what, where: path, hint }, { cause: error });
  });
}

/** `chat_template` is one text, or a list of them with names, of which `default` and `tool_use` mean something. */
async function fromConfig(path: string): Promise<Texts | null> {
  const content = await readJson(path);
  const given = isFields(content) ? (content["chat_template"] ?? null) : null;
  if (given === null) return null;
  if (typeof given === "string") return { where: path, text: given, toolUse: null };
  const list: readonly unknown[] = Array.isArray(given) ? given : [];
  const named = new Map(list.filter(isNamedTemplate).map(({ name, template }) => [name, template]));
  const text = named.get("default") ?? (named.size === 1 ? [...named.values()][0] : undefined);
  if (text !== undefined && named.size === list.length)
    return { where: path, text, toolUse: named.get("tool_use") ?? null };
  throw new UserError({
    what: "`chat_template` cannot be used",
    where: path,
    expected: "a text, or a list of { name, template } with one named default",
    got: list.length > 0 ? [...named.keys()].join(", ") || "no names" : typeof given,
  });
}

function isNamedTemplate(value: unknown): value is { readonly name: string; readonly template: string } {
  return isFields(value) && typeof value["name"] === "string" && typeof value["template"] === "string";
}

/** `bos_token`, `eos_token` and so on: a text each, or an object with the text as `content`. */
function namedTokens(config: unknown): Record<string, string> {
  const fields: Fields = isFields(config) ? config : {};
  const entries = Object.entries(fields).flatMap(([name, value]): [string, string][] => {
    const text = isFields(value) ? value["content"] : value;
    return name.endsWith("_token") && typeof text === "string" ? [[name, text]] : [];
  });
  return Object.fromEntries(entries);
}
