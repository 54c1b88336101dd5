/** A source's files in memory, and everything that a kind reads of them. */
import type { SourceItem } from "../../../src/corpus/forge-document.js";
import type { SourceFiles, SourceKind } from "../../../src/corpus/source-kind.js";

export async function readAll<Settings>(
  kind: SourceKind<Settings>,
  contents: Readonly<Record<string, string | Uint8Array>>,
  settings: Settings,
): Promise<SourceItem[]> {
  const bytesOf = (path: string): Uint8Array => Buffer.from(contents[path]);
  const files: SourceFiles = {
    text: async (path) => Buffer.from(bytesOf(path)).toString(),
    bytes: async (path) => bytesOf(path),
    location: (path) => path,
    stream: async function* (path) {
      const bytes = bytesOf(path);
      for (let at = 0; at < bytes.length; at += 64) yield bytes.subarray(at, at + 64);
    },
  };
  const entries = Object.keys(contents).map((path) => ({ path, bytes: bytesOf(path).length }));
  const items: SourceItem[] = [];
  for (const unit of kind.units(entries, settings))
    for await (const item of kind.read(unit, files, settings)) items.push(item);
  return items;
}

/** The texts, and the reasons of rejections. */
export function textsOf(items: readonly SourceItem[]): string[] {
  return items.map((item) => ("document" in item ? item.document.text : `rejected: ${item.rejected.why}`));
}
