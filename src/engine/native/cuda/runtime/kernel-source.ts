/** The text of a kernel's file and of all that it includes, directly or not: what a compiler gets, and what a compiled kernel depends on. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const KERNEL_FOLDER = fileURLToPath(new URL("../kernels/", import.meta.url));

const INCLUDE = /^[ \t]*#[ \t]*include[ \t]*"([^"]+)"/gm;

export interface KernelSource {
  /** Name of the `.cu` file. */
  readonly file: string;
  readonly text: string;
  /** Text by the name that an include gives, in the order of names. */
  readonly headers: ReadonlyMap<string, string>;
}

/** @throws Error when the file, or one that it includes, is missing. */
export async function readKernelSource(file: string, folder: string = KERNEL_FOLDER): Promise<KernelSource> {
  const text = await read(folder, file, null);
  const headers = new Map<string, string>();
  const visit = async (includer: string, content: string): Promise<void> => {
    for (const [, name] of content.matchAll(INCLUDE)) {
      if (headers.has(name)) continue;
      const header = await read(folder, name, includer);
      headers.set(name, header);
      await visit(name, header);
    }
  };
  await visit(file, text);
  return { file, text, headers: new Map([...headers].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

async function read(folder: string, name: string, includer: string | null): Promise<string> {
  return readFile(join(folder, name), "utf8").catch((error: unknown) => {
    const by = includer === null ? "" : `, which ${includer} includes`;
    throw new Error(`the kernels' source ${name} is missing in ${folder}${by}`, { cause: error });
  });
}
