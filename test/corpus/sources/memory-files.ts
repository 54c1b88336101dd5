/** Files of a source in memory, and what a kind reads of them. */
import fc from "fast-check";
import { expect } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import type { FoundDocument, Rejection, SourceItem } from "../../../src/corpus/forge-document.js";
import { decodeUtf8, NOT_UTF8 } from "../../../src/corpus/record.js";
import type { SourceFiles, SourceKind } from "../../../src/corpus/source-kind.js";

export type MemoryFiles = Readonly<Record<string, string | Uint8Array>>;

function filesOf(content: MemoryFiles): SourceFiles {
  const bytes = (path: string): Uint8Array => {
    const found = Object.hasOwn(content, path) ? content[path] : undefined;
    if (found === undefined) throw new UserError({ what: "no such file", where: path });
    return typeof found === "string" ? Buffer.from(found) : found;
  };
  return {
    location: (path) => path,
    bytes: async (path) => bytes(path),
    text: async (path) => {
      const text = decodeUtf8(bytes(path));
      return text === NOT_UTF8 ? null : text;
    },
    stream: async function* (path) {
      const all = bytes(path);
      // Small pieces, so that whatever is cut is cut.
      for (let at = 0; at < all.length; at += 61) yield all.subarray(at, at + 61);
    },
  };
}

export interface FoundItems {
  readonly documents: readonly FoundDocument[];
  readonly rejected: readonly Rejection[];
}

/** Everything that a kind reads of these files, unit after unit. */
export async function readAll<Settings>(
  kind: SourceKind<Settings>,
  content: MemoryFiles,
  settings: Settings,
): Promise<FoundItems> {
  const listed = Object.entries(content).map(([path, each]) => ({ path, bytes: Buffer.byteLength(each) }));
  const items: SourceItem[] = [];
  for (const unit of kind.units(listed, settings))
    for await (const item of kind.read(unit, filesOf(content), settings)) items.push(item);
  return {
    documents: items.flatMap((item) => ("document" in item ? [item.document] : [])),
    rejected: items.flatMap((item) => ("rejected" in item ? [item.rejected] : [])),
  };
}

/** A text of a file with a part replaced by anything, or with bytes changed. */
function damaged(text: string): fc.Arbitrary<Uint8Array> {
  const replaced = fc
    .tuple(
      fc.nat(text.length),
      fc.nat(60),
      fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.constantFrom("", '"constructor"', "__proto__")),
    )
    .map(([from, length, by]) => Buffer.from(text.slice(0, from) + by + text.slice(from + length)));
  const flipped = fc
    .array(fc.tuple(fc.nat(Buffer.byteLength(text) - 1), fc.nat(255)), { maxLength: 6 })
    .map((flips) => {
      const bytes = Buffer.from(text);
      for (const [at, value] of flips) bytes[at] = value;
      return bytes;
    });
  return fc.oneof(replaced, flipped, fc.uint8Array({ maxLength: 300 }));
}

/** Whatever one of the files holds, there are documents that can be trained on and rejections with a reason, and nothing is thrown. */
export async function expectNoThrow<Settings>(
  kind: SourceKind<Settings>,
  content: MemoryFiles,
  settings: Settings,
  runs = 150,
): Promise<void> {
  const names = Object.keys(content).filter((name) => typeof content[name] === "string" && content[name] !== "");
  const arbitrary = fc
    .constantFrom(...names)
    .chain((name) => damaged(String(content[name])).map((bytes) => ({ ...content, [name]: bytes })));
  await fc.assert(
    fc.asyncProperty(arbitrary, async (files) => {
      const { documents, rejected } = await readAll(kind, files, settings);
      for (const { text } of documents) {
        expect(text.trim()).not.toBe("");
        expect(text).not.toMatch(/\p{Surrogate}|\0/u);
      }
      for (const { why, record } of rejected) {
        expect(why).not.toBe("");
        expect(record.length).toBeLessThanOrEqual(2000);
      }
    }),
    { numRuns: runs },
  );
}
