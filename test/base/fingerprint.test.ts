import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalJson, fingerprintOf, hashFile, sha256 } from "../../src/base/fingerprint.js";

// NIST FIPS 180-2, appendix B: SHA-256 of "abc"; and of the empty message.
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("sha256", () => {
  it("gives the published digests of text and bytes", () => {
    expect(sha256("abc")).toBe(ABC);
    expect(sha256(Uint8Array.of(97, 98, 99))).toBe(ABC);
    expect(sha256("")).toBe(EMPTY);
  });
});

describe("fingerprintOf", () => {
  it("does not depend on the order of keys, at any depth", () => {
    expect(fingerprintOf({ a: 1, b: { c: [1, { x: 1, y: 2 }], d: null } })).toBe(
      fingerprintOf({ b: { d: null, c: [1, { y: 2, x: 1 }] }, a: 1 }),
    );
  });

  it("depends on the order of lists, on values and on keys", () => {
    const prints = [{ a: [1, 2] }, { a: [2, 1] }, { a: [1, 2, 3] }, { b: [1, 2] }, { a: ["1", "2"] }].map(
      fingerprintOf,
    );
    expect(new Set(prints).size).toBe(prints.length);
  });

  it("keeps values as JSON does", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe("hashFile", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fingerprint-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([0, 3, (1 << 20) - 1, (1 << 20) + 1])("is the digest of the bytes, for %d of them", async (size) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7) & 255);
    await writeFile(join(folder, "file"), bytes);
    expect(await hashFile(join(folder, "file"))).toBe(sha256(bytes));
  });

  it("fails with the system's error when the file is absent", async () => {
    await expect(hashFile(join(folder, "absent"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
