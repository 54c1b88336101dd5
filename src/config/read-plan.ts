/** A plan file of any kind as a plain value: its text, then the overrides, and where to tell what is wrong with it. */
import { readFile, stat } from "node:fs/promises";
import { systemCode, UserError } from "../base/errors.js";
import { parseYaml } from "./document.js";
import { applyOverrides } from "./overrides.js";
import { PlanProblems } from "./problems.js";

/** Plans are pages; a larger file is something else, and the parser's time grows with the square of a section's keys. */
const SIZE_LIMIT = 1 << 18;

/**
 * Reads a plan file, YAML or JSON, and applies overrides such as `stages[0].tokens=1M`.
 * @param example a plan to start from, for whoever has an empty one.
 * @throws UserError when the file cannot be read or is not YAML.
 */
export async function readPlanValue(
  path: string,
  overrides: readonly string[],
  example: string,
): Promise<{ readonly source: unknown; readonly problems: PlanProblems }> {
  const { value, lines } = parseYaml(await readText(path), path);
  if (value === undefined)
    throw new UserError({ what: "the plan is empty", where: path, hint: `${example} is a plan to start from` });
  const places = new Map<string, string>();
  const problems = new PlanProblems({ name: path, lines, overrides: places });
  return { source: applyOverrides(value, overrides, problems, places), problems };
}

async function readText(path: string): Promise<string> {
  const bytes = await readSome(path).catch((error: unknown) => {
    if (error instanceof UserError) throw error;
    const code = systemCode(error);
    const what =
      code === "ENOENT" ? "there is no such plan file" : `cannot read this plan file (${code ?? "unknown error"})`;
    throw new UserError({ what, where: path }, { cause: error });
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UserError({ what: "this is not a text file", where: path, expected: "YAML in UTF-8" }, { cause: error });
  }
}

async function readSome(path: string): Promise<Uint8Array> {
  // Asked before opening: opening a pipe would wait for its writer.
  const status = await stat(path);
  if (!status.isFile())
    throw new UserError({ what: "this is not a file", where: path, expected: "a plan file, YAML or JSON" });
  if (status.size > SIZE_LIMIT)
    throw new UserError({
      what: "this is too large for a plan file",
      where: path,
      expected: `at most ${SIZE_LIMIT} bytes`,
      got: `${status.size} bytes`,
    });
  return readFile(path);
}
