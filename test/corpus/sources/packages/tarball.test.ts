/** The tar reader on archives written by hand, in pieces of every size, and on damaged ones. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import { tarFiles } from "../../../../src/corpus/sources/packages/tarball.js";
import { archive, entry, pax } from "./tar-entries.js";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array, size = 1000): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const file of tarFiles(inPieces(bytes, size), "a.tgz")) {
    const pieces: Uint8Array[] = [];
    for await (const piece of file.content()) pieces.push(piece);
    found.push([file.path, Buffer.concat(pieces).toString("utf8")]);
  }
  return found;
}

const GOOD = archive(
  entry("package/", "", "5"),
  entry("package/a.js", "one"),
  entry("package/link.js", "", "2"),
  entry("package/big.txt", "é".repeat(700)),
  entry("PaxHeader", pax("ctime", "1.5") + pax("path", `package/${"deep/".repeat(40)}long.js`), "x"),
  entry("package/short", "two"),
  entry("././@LongLink", `package/${"x".repeat(200)}.md\0`, "L"),
  entry("package/cut", "three"),
  entry("package/last.js", ""),
);
const FILES = [
  ["a.js", "one"],
  ["big.txt", "é".repeat(700)],
  [`${"deep/".repeat(40)}long.js`, "two"],
  [`${"x".repeat(200)}.md`, "three"],
  ["last.js", ""],
];

describe("tarFiles", () => {
  it.each([1, 7, 512, 513, 100_000])(
    "gives regular files with their long names, in pieces of %i bytes",
    async (size) => {
      expect(await read(GOOD, size)).toEqual(FILES);
    },
  );

  it("skips what the caller does not read, and ends its stream when the caller stops", async () => {
    let ended = false;
    async function* stream(): AsyncGenerator<Uint8Array> {
      try {
        yield* inPieces(GOOD, 600);
      } finally {
        ended = true;
      }
    }
    const paths: string[] = [];
    for await (const file of tarFiles(stream(), "a.tgz")) {
      paths.push(file.path);
      if (file.path === "big.txt") break;
    }
    expect(paths).toEqual(["a.js", "big.txt"]);
    expect(ended).toBe(true);
  });

  it.each([
    [
      "a file that ends early",
      archive(entry("package/a", "x".repeat(600))).subarray(0, 900),
      /ends in the middle of a file/,
    ],
    ["a header that ends early", entry("package/a", "x").subarray(0, 300), /ends in the middle/],
    ["no archive", Buffer.alloc(2048, "plain text "), /sum is wrong/],
    ["an absurd size", archive(entry("package/a", "", "0", "777777777777")), /an entry of 68719476735 bytes/],
    ["a size that is none", archive(entry("package/a", "", "0", "12x")), /a size written "12x"/],
    ["an absurd header", archive(entry("package/a", "", "x", "77777777")), /a header of 16777215 bytes/],
  ])("names %s", async (_, bytes, message) => {
    const failure = await read(bytes).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(String(failure)).toMatch(message);
  });

  it("takes a pax size over the header's", async () => {
    const bytes = archive(
      entry("h", pax("size", "3"), "x"),
      entry("package/a", "abc", "0", "0"),
      entry("package/b", "d"),
    );
    expect(await read(bytes)).toEqual([
      ["a", "abc"],
      ["b", "d"],
    ]);
  });

  it("gives files or a UserError for any damage", async () => {
    const damage = fc.tuple(
      fc.nat(GOOD.length - 1),
      fc.nat(255),
      fc.nat(GOOD.length),
      fc.integer({ min: 1, max: 2000 }),
    );
    await fc.assert(
      fc.asyncProperty(damage, async ([at, byte, cut, size]) => {
        const bytes = Uint8Array.from(GOOD);
        bytes[at] = byte;
        const got = await read(bytes.subarray(0, cut), size).catch((error: unknown) => error);
        expect(Array.isArray(got) || got instanceof UserError).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
