/** Decoding id by id: nothing is lost, nothing is taken back, and nothing waits longer than it must. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTokenizer, type Tokenizer } from "../../../src/data/tokenizer/tokenizer.js";
import { DECODERS, NO_TOKEN, PIECES, randomIds } from "./tokenizer-decoders.js";
import { goldenFile, writeVariant } from "./tokenizer-variants.js";

const golden = goldenFile<{ texts: Record<string, [string, string][]> }>("decoded.json");
let folder: string;
const opened = new Map<string, Tokenizer>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "text-stream-"));
  for (const { name, patch } of DECODERS) opened.set(name, await loadTokenizer(await writeVariant(folder, patch)));
});
afterAll(() => rm(folder, { recursive: true }));

function tokenizerOf(name: string): Tokenizer {
  const tokenizer = opened.get(name);
  if (tokenizer === undefined) throw new Error(`no decoder ${name}`);
  return tokenizer;
}

/** What a stream says after each id, and at the end. */
function steps(tokenizer: Tokenizer, ids: readonly number[]): string[] {
  const stream = tokenizer.textStream();
  return [...ids.map((id) => stream.push(id)), stream.end()];
}

describe.each(DECODERS)("the decoder $name", ({ name }) => {
  it("gives the texts of Hugging Face", () => {
    const tokenizer = tokenizerOf(name);
    for (const [at, ids] of randomIds(40).entries()) {
      const decoded = [tokenizer.decode(ids), tokenizer.decode(ids, { specialTokens: "skip" })];
      expect([ids, ...decoded]).toEqual([ids, ...golden.texts[name][at]]);
    }
  });

  it("gives in parts what it gives at once, and starts afresh after its end", () => {
    const tokenizer = tokenizerOf(name);
    const stream = tokenizer.textStream();
    fc.assert(
      fc.property(fc.array(fc.nat(NO_TOKEN + 5)), (ids) => {
        const parts = [...ids.map((id) => stream.push(id)), stream.end()];
        expect(parts.join("")).toBe(tokenizer.decode(ids));
      }),
    );
  });
});

describe("a byte-level stream", () => {
  const byteLevel = (): Tokenizer => tokenizerOf("bytes");
  const idsOfBytes = (bytes: Iterable<number>): number[] => Array.from(bytes, (byte) => 1 + byte);

  it("is the UTF-8 text of all its bytes, whatever they are", () => {
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x9f, 0xa0, 0xbf, 0x41));
    fc.assert(
      fc.property(fc.array(byte), (bytes) => {
        expect(steps(byteLevel(), idsOfBytes(bytes)).join("")).toBe(Buffer.from(bytes).toString("utf8"));
      }),
      { numRuns: 2000 },
    );
  });

  it("shows a character with its last byte, and a broken one at the end", () => {
    const ids = idsOfBytes(Buffer.from("aé😀"));
    expect(steps(byteLevel(), ids)).toEqual(["a", "", "é", "", "", "", "😀", ""]);
    expect(steps(byteLevel(), ids.slice(0, -1))).toEqual(["a", "", "é", "", "", "", "\ufffd"]);
    expect(steps(byteLevel(), idsOfBytes(Buffer.from("\ufffd\ufeffx"))).join("")).toBe("\ufffd\ufeffx");
  });

  it("holds back less than a character, however long it runs", () => {
    const stream = byteLevel().textStream();
    let shown = 0;
    for (const [at, byte] of Buffer.from("नमस्ते".repeat(2000)).entries()) {
      shown += Buffer.byteLength(stream.push(idsOfBytes([byte])[0]));
      expect(at + 1 - shown).toBeLessThan(3);
    }
    expect(stream.end()).toBe("");
  });
});

describe("a sentencepiece stream", () => {
  it("waits for the end of a run of bytes, and drops the first space", () => {
    const ids = ["\u2581a", "<0xC3>", "<0xA9>", "b", "<0x0A>", "\u2581a", "<0xFF>", "<0x41>"].map((piece) =>
      PIECES.indexOf(piece),
    );
    expect(ids).not.toContain(-1);
    expect(steps(tokenizerOf("llama 2"), ids)).toEqual(["a", "", "", "éb", "", "\n a", "", "", "\ufffd\ufffd"]);
  });
});

describe("a stream of an uncommon decoder", () => {
  it("gives all text at the end", () => {
    const ids = [PIECES.indexOf("a"), PIECES.indexOf("b")];
    expect(steps(tokenizerOf("none"), ids)).toEqual(["", "", "a b"]);
  });
});
