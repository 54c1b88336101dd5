/** The rule of retention as properties; removing by it; cleaning up after dead runs. */
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listCheckpoints, openCheckpoint } from "../../src/checkpoint/load.js";
import { applyRetention, cleanLeftovers, expired } from "../../src/checkpoint/retention.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { contentOf, newFolder, openedView, savedView, tensor } from "./content.js";

const steps = fc.uniqueArray(fc.nat({ max: 200 }), { maxLength: 30 });
const policy = fc.record({
  keepLast: fc.integer({ min: 1, max: 6 }),
  keepEvery: fc.option(fc.integer({ min: 1, max: 50 }), { nil: null }),
});

describe("expired", () => {
  it("keeps the last ones and the multiples, by example", () => {
    const saved = [50, 100, 150, 200, 250];
    expect(expired(saved, { keepLast: 2, keepEvery: null })).toEqual([50, 100, 150]);
    expect(expired(saved, { keepLast: 2, keepEvery: 100 })).toEqual([50, 150]);
    expect(expired(saved, { keepLast: 9, keepEvery: null })).toEqual([]);
    expect(expired([], { keepLast: 1, keepEvery: null })).toEqual([]);
  });

  it("never names the newest, even when asked to keep none", () => {
    expect(expired([7, 3], { keepLast: 0, keepEvery: null })).toEqual([3]);
    fc.assert(fc.property(steps, policy, (all, p) => !expired(all, p).includes(Math.max(...all))));
  });

  it("splits the steps in two: every kept one is recent or a multiple, every expired one is neither", () => {
    fc.assert(
      fc.property(steps, policy, (all, p) => {
        const gone = new Set(expired(all, p));
        expect([...gone].every((step) => all.includes(step))).toBe(true);
        for (const step of all) {
          const newer = all.filter((other) => other > step).length;
          const isMultiple = p.keepEvery !== null && step % p.keepEvery === 0;
          expect(gone.has(step)).toBe(!isMultiple && newer >= p.keepLast);
        }
      }),
    );
  });

  it("does not depend on the order of the steps, and has nothing left to do the second time", () => {
    fc.assert(
      fc.property(steps, policy, (all, p) => {
        const gone = expired(all, p);
        expect(expired([...all].reverse(), p)).toEqual(gone);
        const kept = all.filter((step) => !gone.includes(step));
        expect(expired(kept, p)).toEqual([]);
      }),
    );
  });

  it("applied after every save, ends where applying it once would", () => {
    fc.assert(
      fc.property(steps, policy, (all, p) => {
        let kept: readonly number[] = [];
        for (const step of [...all].sort((a, b) => a - b)) {
          const now = [...kept, step];
          const gone = expired(now, p);
          kept = now.filter((other) => !gone.includes(other));
        }
        const once = expired(all, p);
        expect(kept).toEqual(all.filter((step) => !once.includes(step)).sort((a, b) => a - b));
      }),
    );
  });
});

describe("applyRetention", () => {
  it("removes the expired checkpoints and nothing else", async () => {
    const run = newFolder();
    for (const step of [1, 2, 3, 4]) await saveCheckpoint(run, contentOf(step));
    writeFileSync(join(run, "log.jsonl"), "");
    mkdirSync(join(run, "step-00000000")); // no manifest: not a checkpoint, so not counted and not touched
    expect(await applyRetention(run, { keepLast: 1, keepEvery: 2 })).toEqual([1, 3]);
    expect(readdirSync(run).sort()).toEqual(["log.jsonl", "step-00000000", "step-00000002", "step-00000004"]);
    expect(await applyRetention(run, { keepLast: 1, keepEvery: 2 })).toEqual([]);
  });
});

describe("cleanLeftovers", () => {
  it("removes what was being written or removed, and leaves everything else", async () => {
    const run = newFolder();
    await saveCheckpoint(run, contentOf(1));
    const whole = join(run, "step-00000001");
    const leftovers = [
      "step-00000002.partial-17-0123abcd",
      "step-00000001.expired-17-0123abcd",
      "step-00000001.replaced-17-0123abcd",
      "run.lock-0123456789abcdef.partial-17-0123abcd",
      "plan.yaml.partial-1-ffffffff",
    ];
    for (const name of leftovers) cpSync(whole, join(run, name), { recursive: true });
    const others = ["log.jsonl", "notes.partial-draft", "x.expired-17-0123abcd", "step-2.replaced-17-0123abcd"];
    for (const name of others) writeFileSync(join(run, name), "");
    expect([...(await cleanLeftovers(run))].sort()).toEqual([...leftovers].sort());
    expect(readdirSync(run).sort()).toEqual([...others, "step-00000001"].sort());
    expect(await cleanLeftovers(run)).toEqual([]);
  });

  it("puts back a whole checkpoint whose replacement never came, and only that", async () => {
    const run = newFolder();
    for (const step of [1, 2]) await saveCheckpoint(run, contentOf(step));
    renameSync(join(run, "step-00000001"), join(run, "step-00000001.replaced-17-0123abcd"));
    renameSync(join(run, "step-00000002"), join(run, "step-00000002.replaced-17-0123abcd"));
    rmSync(join(run, "step-00000002.replaced-17-0123abcd", "config.json"));
    await cleanLeftovers(run);
    expect(readdirSync(run)).toEqual(["step-00000001"]);
    const restored = await openCheckpoint(join(run, "step-00000001"));
    expect(await openedView(restored)).toEqual(savedView(contentOf(1)));
  });

  it("prefers the replacement where it came", async () => {
    const run = newFolder();
    await saveCheckpoint(run, contentOf(1));
    const newer = { ...contentOf(1), weights: [tensor("newer", "weight", [1])] };
    cpSync(join(run, "step-00000001"), join(run, "step-00000001.replaced-17-0123abcd"), { recursive: true });
    await saveCheckpoint(run, newer);
    await cleanLeftovers(run);
    expect(await openedView(await openCheckpoint(join(run, "step-00000001")))).toEqual(savedView(newer));
    expect(await listCheckpoints(run)).toHaveLength(1);
  });

  it("finds nothing in a folder that does not exist", async () => {
    expect(await cleanLeftovers(join(newFolder(), "absent"))).toEqual([]);
  });
});
