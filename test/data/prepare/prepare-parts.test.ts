import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exists } from "../../../src/base/files.js";
import type { ShardLists } from "../../../src/data/prepare/manifest.js";
import { type EncodedTexts, encodeTexts } from "../../../src/data/prepare/prepare-encode.js";
import { encodeInOrder } from "../../../src/data/prepare/prepare-order.js";
import { type EncodePool, openPool } from "../../../src/data/prepare/prepare-pool.js";
import type { Chunk } from "../../../src/data/prepare/prepare-read.js";
import { ShardSeries } from "../../../src/data/prepare/prepare-shards.js";
import { recover, Staging } from "../../../src/data/prepare/prepare-staging.js";
import { type Fixture, makeFixture, TEXTS } from "./prepare-fixture.js";

/** A series of shards in the fixture's folder. */
function seriesOf({ folder, options }: Fixture, changed: Partial<ConstructorParameters<typeof ShardSeries>[0]> = {}) {
  const { fingerprint, vocabulary, endOfText } = options.tokenizer;
  const header = { domain: "agent", tokenizer: fingerprint, vocabulary, endOfText, lossMask: false, source: true };
  const onShard = async (): Promise<void> => {};
  return new ShardSeries({ folder, side: "train", header, shardTokens: 10, finished: [], onShard, ...changed });
}

describe("encoded texts", () => {
  it("lie one after another, each with its end", async () => {
    await using fixture = await makeFixture();
    const { tokenizer } = fixture.options;
    const { ids, lengths } = encodeTexts(tokenizer, ["tool", "", "call it"], "literal");
    const expected = [[...tokenizer.encode("tool"), 0], [0], [...tokenizer.encode("call it"), 0]];
    expect([...ids]).toEqual(expected.flat());
    expect([...lengths]).toEqual(expected.map(({ length }) => length));
  });

  it("are the same from a pool of one", async () => {
    await using fixture = await makeFixture();
    const { tokenizer } = fixture.options;
    await using pool = openPool(tokenizer, { path: tokenizer.path, specialTokens: "parse" }, 1);
    expect(pool.depth).toBe(1);
    expect(await pool.encode(["<|endoftext|>"])).toEqual({
      ids: Int32Array.of(0, 0),
      lengths: Int32Array.of(2),
      mask: null,
    });
  });
});

describe("a series of shards", () => {
  it("ends a shard with the document that fills it", async () => {
    await using fixture = await makeFixture();
    let recorded = 0;
    await using series = seriesOf(fixture, {
      onShard: async () => {
        recorded++;
      },
    });
    for (const length of [4, 5, 6, 20, 3]) await series.append(new Int32Array(length), "source", null);
    expect(series.entries.map(({ documents, tokens }) => [documents, tokens])).toEqual([
      [3, 15],
      [1, 20],
    ]);
    await series.finishShard();
    await series.finishShard();
    expect(series.entries.map(({ path }) => path)).toEqual([0, 1, 2].map((number) => `train/part-0000${number}.arrow`));
    expect(recorded).toBe(3);
  });

  it("skips as many documents as the finished shards hold", async () => {
    await using fixture = await makeFixture();
    const shard = { path: "train/part-00000.arrow", bytes: 1, documents: 2, tokens: 20, contentHash: "00" };
    await using series = seriesOf(fixture, { finished: [shard] });
    expect([series.needsNext(), series.needsNext(), series.needsNext(), series.needsNext()]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    await series.append(new Int32Array(10), "source", null);
    expect(series.entries[1].path).toBe("train/part-00001.arrow");
  });

  it("leaves nothing of a shard that was not finished", async () => {
    await using fixture = await makeFixture();
    {
      await using series = seriesOf(fixture);
      await series.append(new Int32Array(3), "source", null);
      expect((await readdir(join(fixture.folder, "train"))).length).toBe(1);
    }
    expect(await readdir(join(fixture.folder, "train"))).toEqual([]);
  });
});

describe("encoding ahead", () => {
  /** A pool that answers when it is told to, in any order. */
  class SlowPool implements EncodePool {
    readonly depth = 3;
    readonly waiting: (() => void)[] = [];
    underWay = 0;
    most = 0;

    constructor(
      private readonly fixture: Fixture,
      private readonly failAt: number | null = null,
    ) {}

    encode(texts: readonly string[]): Promise<EncodedTexts> {
      const number = this.waiting.length;
      this.underWay++;
      this.most = Math.max(this.most, this.underWay);
      return new Promise((resolve, reject) => {
        this.waiting.push(() => {
          this.underWay--;
          if (number === this.failAt) reject(new Error("this list failed"));
          else resolve(encodeTexts(this.fixture.options.tokenizer, texts, "literal"));
        });
        // The newest answers first.
        if (this.underWay === this.depth) for (const answer of this.waiting.slice(-this.depth).reverse()) answer();
      });
    }

    async [Symbol.asyncDispose](): Promise<void> {}
  }

  /** Nine lists of two documents, through a pool; what was written, in order. */
  async function run(pool: EncodePool): Promise<(readonly [side: string, tokens: number[], source: string])[]> {
    async function* chunks(): AsyncGenerator<Chunk> {
      for (let at = 0; at < 18; at += 2)
        yield [
          { text: TEXTS[at], source: `${at}`, side: "train", counted: null },
          { text: TEXTS[at + 1], source: `${at + 1}`, side: "heldOut", counted: null },
        ];
    }
    const written: (readonly [string, number[], string])[] = [];
    const append = (side: string) => async (ids: Int32Array, source: string) =>
      void written.push([side, [...ids], source] as const);
    const sides = { train: { append: append("train") }, heldOut: { append: append("heldOut") } };
    await encodeInOrder({ chunks }, pool, sides, () => {});
    return written;
  }

  it("writes in the order of reading, whatever answers first", async () => {
    await using fixture = await makeFixture();
    const { tokenizer } = fixture.options;
    const pool = new SlowPool(fixture);
    const expected = TEXTS.slice(0, 18).map((text, at) => [
      at % 2 === 0 ? "train" : "heldOut",
      [...tokenizer.encode(text), tokenizer.endOfText],
      `${at}`,
    ]);
    expect(await run(pool)).toEqual(expected);
    expect(pool.most).toBe(3);
  });

  it("passes a failure on", async () => {
    await using fixture = await makeFixture();
    await expect(run(new SlowPool(fixture, 1))).rejects.toThrow("this list failed");
  });
});

describe("the staging folder", () => {
  const NONE: ShardLists = { train: [], heldOut: [] };

  it("keeps recorded shards of the same recipe and nothing else", async () => {
    await using fixture = await makeFixture();
    const first = await Staging.open(fixture.folder, "recipe");
    expect(first.finished).toEqual(NONE);
    await mkdir(join(first.folder, "train"));
    for (const name of ["part-00000.arrow", "part-00001.arrow"])
      await writeFile(join(first.folder, "train", name), "12345");
    const shard = { path: "train/part-00000.arrow", bytes: 5, documents: 1, tokens: 2, contentHash: "00" };
    await first.record({ train: [shard], heldOut: [] });
    const second = await Staging.open(fixture.folder, "recipe");
    expect(second.finished).toEqual({ train: [shard], heldOut: [] });
    expect(await readdir(join(second.folder, "train"))).toEqual(["part-00000.arrow"]);
    const other = await Staging.open(fixture.folder, "another recipe");
    expect(other.finished).toEqual(NONE);
    expect(await readdir(other.folder)).toEqual([]);
  });

  it("trusts no record whose shards are not there", async () => {
    await using fixture = await makeFixture();
    const first = await Staging.open(fixture.folder, "recipe");
    const shard = { path: "train/part-00000.arrow", bytes: 5, documents: 1, tokens: 2, contentHash: "00" };
    await first.record({ train: [shard], heldOut: [] });
    expect((await Staging.open(fixture.folder, "recipe")).finished).toEqual(NONE);
  });

  it("takes the place of what was there", async () => {
    await using fixture = await makeFixture();
    const publish = async (name: string): Promise<void> => {
      const staging = await Staging.open(fixture.folder, name);
      await writeFile(join(staging.folder, name), "content");
      await staging.publish({ name });
    };
    await publish("first");
    await publish("second");
    expect((await readdir(fixture.folder)).sort()).toEqual(["manifest.json", "second"]);
    expect(await readdir(join(fixture.root, "data"))).toEqual(["agent"]);
  });

  it("is left alone by recovery while it is not complete", async () => {
    await using fixture = await makeFixture();
    await mkdir(fixture.folder, { recursive: true });
    const staging = await Staging.open(fixture.folder, "recipe");
    await recover(fixture.folder);
    expect(await exists(staging.folder)).toBe(true);
    expect(await exists(fixture.folder)).toBe(true);
    await rename(fixture.folder, join(fixture.root, "data", ".agent.old"));
    await recover(fixture.folder);
    expect(await exists(fixture.folder)).toBe(true);
  });
});
