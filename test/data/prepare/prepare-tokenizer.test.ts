import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DataPlan } from "../../../src/config/plan.js";
import { isHeldOut } from "../../../src/corpus/documents.js";
import { sampleTexts } from "../../../src/data/prepare/prepare-sample.js";
import { SeenTexts } from "../../../src/data/prepare/prepare-seen.js";
import { prepareTokenizer } from "../../../src/data/prepare/prepare-tokenizer.js";
import { GOLDEN_FOLDER } from "../tokenizer/tokenizer-variants.js";
import { type Fixture, makeFixture, TEXTS } from "./prepare-fixture.js";

const QUIET = { skipInvalid: 0, force: false };

describe("the sample", () => {
  const bytesOf = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

  it("has the bytes that were asked for, from documents that are not held out", async () => {
    await using fixture = await makeFixture();
    const options = { paths: [fixture.input], heldOut: 0.2, bytes: 5000, skipInvalid: 0 };
    const sample = await sampleTexts(options);
    // A cut inside a character loses its up to three bytes.
    expect(bytesOf(sample)).toBeGreaterThan(4996);
    expect(bytesOf(sample)).toBeLessThanOrEqual(5000);
    for (const text of sample.slice(0, -1)) {
      expect(TEXTS).toContain(text);
      expect(isHeldOut(text, 0.2)).toBe(false);
    }
  });

  it("does not depend on the order or on repetition", async () => {
    await using fixture = await makeFixture();
    for (const bytes of [300, 5000, 1e9]) {
      const options = { paths: [fixture.input], heldOut: 0, bytes, skipInvalid: 0 };
      await fixture.write(TEXTS);
      const sample = await sampleTexts(options);
      await fixture.write([...TEXTS].reverse().flatMap((text) => [text, text, text, text]));
      expect(await sampleTexts(options)).toEqual(sample);
      expect(new Set(sample).size).toBe(sample.length);
    }
  });
});

describe("the texts seen", () => {
  it("are remembered like in a set", () => {
    const texts = fc.array(fc.string({ maxLength: 2 }), { maxLength: 3000 });
    fc.assert(
      fc.property(texts, (list) => {
        const seen = new SeenTexts();
        const expected = new Set<string>();
        for (const text of list) {
          expect(seen.add(text)).toBe(!expected.has(text));
          expected.add(text);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("are still told apart after the table has grown", () => {
    const seen = new SeenTexts();
    const texts = Array.from({ length: 5000 }, (_, at) => `text ${at}`);
    expect(texts.every((text) => seen.add(text))).toBe(true);
    expect(texts.some((text) => seen.add(text))).toBe(false);
  });
});

describe("the tokenizer of a plan", () => {
  function planOf(
    { root, input }: Fixture,
    changed: Partial<{ vocabulary: number; sampleBytes: number }> = {},
  ): DataPlan {
    const folder = join(root, "data");
    return {
      folder,
      tokenizer: {
        kind: "train",
        vocabulary: 300,
        sampleBytes: 20_000,
        path: join(folder, "tokenizer.json"),
        ...changed,
      },
      domains: [
        {
          name: "agent",
          shards: join(folder, "agent/train"),
          heldOutShards: null,
          documents: { paths: [input], heldOut: 0, conversations: null },
        },
        { name: "made elsewhere", shards: join(folder, "shards"), heldOutShards: null, documents: null },
      ],
    };
  }

  it("is trained once, and again when what it was made from changes", async () => {
    await using fixture = await makeFixture();
    const outcome = async (plan = planOf(fixture)) => (await prepareTokenizer(plan, QUIET)).outcome;
    const first = await prepareTokenizer(planOf(fixture), QUIET);
    expect([first.outcome, first.tokenizer.vocabulary]).toEqual(["trained", 300]);
    expect(first.sampledBytes).toBeGreaterThan(19_996);
    expect(await outcome()).toBe("kept");
    expect(await outcome(planOf(fixture, { vocabulary: 310 }))).toBe("trained");
    expect(await outcome(planOf(fixture, { sampleBytes: 10_000 }))).toBe("trained");
    expect(await outcome()).toBe("trained");
    await fixture.write(TEXTS.slice(1));
    expect(await outcome()).toBe("trained");
    await fixture.write(TEXTS);
    const again = await prepareTokenizer(planOf(fixture), { ...QUIET, force: true });
    expect(again.outcome).toBe("trained");
    expect(again.tokenizer.fingerprint).toBe(first.tokenizer.fingerprint);
  });

  it("is trained again when it was changed by hand or not finished", async () => {
    await using fixture = await makeFixture();
    const plan = planOf(fixture);
    const { tokenizer } = await prepareTokenizer(plan, QUIET);
    await writeFile(tokenizer.path, await readFile(join(GOLDEN_FOLDER, "tokenizer.json")));
    expect((await prepareTokenizer(plan, QUIET)).tokenizer.fingerprint).toBe(tokenizer.fingerprint);
    const record = join(plan.folder, "tokenizer.manifest.json");
    await writeFile(record, JSON.stringify({ ...JSON.parse(await readFile(record, "utf8")), fingerprint: null }));
    expect((await prepareTokenizer(plan, QUIET)).outcome).toBe("trained");
    await writeFile(record, "{");
    expect((await prepareTokenizer(plan, QUIET)).outcome).toBe("trained");
  });

  it("is not written over one that prepare did not make", async () => {
    await using fixture = await makeFixture();
    const plan = planOf(fixture);
    const { tokenizer } = await prepareTokenizer(plan, QUIET);
    await rm(join(plan.folder, "tokenizer.manifest.json"));
    await expect(prepareTokenizer(plan, QUIET)).rejects.toThrow(/did not make/);
    expect((await prepareTokenizer(plan, { ...QUIET, force: true })).tokenizer.fingerprint).toBe(tokenizer.fingerprint);
  });

  it("may be given, and must be where there are no documents", async () => {
    await using fixture = await makeFixture();
    const plan = planOf(fixture);
    const given = { kind: "file", path: join(GOLDEN_FOLDER, "tokenizer.json"), vocabulary: null } as const;
    const { outcome, sampledBytes } = await prepareTokenizer({ ...plan, tokenizer: given }, QUIET);
    expect([outcome, sampledBytes]).toEqual(["given", null]);
    const [, elsewhere] = plan.domains;
    await expect(prepareTokenizer({ ...plan, domains: [elsewhere] }, QUIET)).rejects.toThrow(/nothing to train/);
  });
});
