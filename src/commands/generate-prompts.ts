/** What `generate` is to continue: texts from the command line and from files. */
import { readFile } from "node:fs/promises";
import { type Problem, systemCode, UserError } from "../base/errors.js";
import { isObject } from "../checkpoint/json.js";

/** Where prompts come from, in this order. */
export interface PromptSources {
  readonly prompts: readonly string[];
  /** JSON lines: texts, or objects with the text as `prompt`. */
  readonly promptsFile: string | null;
}

/** @throws UserError for every line that is no prompt. */
export async function readPrompts({ prompts, promptsFile }: PromptSources): Promise<string[]> {
  return [...prompts, ...(promptsFile === null ? [] : await readLines(promptsFile))];
}

async function readLines(path: string): Promise<string[]> {
  const problems: Problem[] = [];
  const texts: string[] = [];
  (await readText(path)).split("\n").forEach((line, index) => {
    if (line.trim() === "") return;
    const text = promptOf(line);
    if (text !== null) texts.push(text);
    else
      problems.push({
        ...{ what: "this line is no prompt", where: `${path}:${index + 1}`, got: line.slice(0, 80) },
        expected: '"a text" or { "prompt": "a text" }, in JSON',
      });
  });
  if (problems.length > 0) throw new UserError(problems);
  if (texts.length === 0) throw new UserError({ what: "this file has no prompts", where: path });
  return texts;
}

function promptOf(line: string): string | null {
  try {
    const value: unknown = JSON.parse(line);
    const text = isObject(value) ? value["prompt"] : value;
    return typeof text === "string" ? text : null;
  } catch {
    return null;
  }
}

export async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new UserError(
      { what: `cannot read this file (${systemCode(error) ?? "unknown error"})`, where: path },
      { cause: error },
    );
  });
}
