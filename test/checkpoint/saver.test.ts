/** Saving in the background: one at a time, in order, no error lost. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import type { CheckpointContent } from "../../src/checkpoint/format.js";
import { openCheckpoint } from "../../src/checkpoint/load.js";
import { BackgroundSaver, type SaveRequest } from "../../src/checkpoint/saver.js";
import { contentOf, newFolder, openedView, savedView } from "./content.js";

/** A writer that writes when told to. */
function heldWriter() {
  const log: string[] = [];
  const waiting: { end: () => void; fail: (error: Error) => void }[] = [];
  const write = (_run: string, { step }: CheckpointContent) =>
    new Promise<string>((resolve, reject) => {
      log.push(`begin ${step}`);
      const settle = (done: () => void) => () => [log.push(`end ${step}`), done()];
      waiting.push({ end: settle(() => resolve("")), fail: (error) => settle(() => reject(error))() });
    });
  const next = () => waiting.shift() ?? { end: () => {}, fail: () => {} };
  return { log, write, next };
}

function request(step: number, floats = 100): SaveRequest {
  const { config, weights, moments, ...others } = contentOf(step, floats);
  return { ...others, copies: () => ({ config, weights, moments, [Symbol.dispose]: () => {} }), retention: null };
}

describe("BackgroundSaver", () => {
  it("returns before the save is done, with the path where it will be", async () => {
    const run = newFolder();
    const saver = new BackgroundSaver(run);
    const folder = await saver.save(request(3));
    expect(folder).toBe(join(run, "step-00000003"));
    expect(readdirSync(run)).not.toContain("step-00000003");
    await saver.finish();
    expect(await openedView(await openCheckpoint(folder))).toEqual(savedView(contentOf(3)));
  });

  it("lets the caller go on: the event loop turns while a large checkpoint is written", async () => {
    const saver = new BackgroundSaver(newFolder());
    await saver.save(request(1, 8_000_000));
    let done = false;
    const finished = saver.finish().then(() => {
      done = true;
    });
    let turns = 0;
    for (; !done; turns++) await new Promise((resolve) => setImmediate(resolve));
    await finished;
    // 96 MB in pieces of 4 MiB: at least one turn for every piece.
    expect(turns).toBeGreaterThan(22);
  });

  it("asks for copies when a save begins and not before, and gives them up when it has ended, well or not", async () => {
    const { log, write, next } = heldWriter();
    const saver = new BackgroundSaver("run", write);
    const copying = (step: number): SaveRequest => ({
      ...request(step),
      copies: () => {
        log.push(`copy ${step}`);
        return { ...request(step).copies(), [Symbol.dispose]: () => log.push(`disposed ${step}`) };
      },
    });
    await saver.save(copying(1));
    const second = saver.save(copying(2));
    await delay(5);
    expect(log).toEqual(["copy 1", "begin 1"]);
    next().end();
    await second;
    expect(log).toEqual(["copy 1", "begin 1", "end 1", "disposed 1", "copy 2", "begin 2"]);
    next().fail(new Error("disk on fire"));
    await expect(saver.finish()).rejects.toThrow("disk on fire");
    expect(log.slice(6)).toEqual(["end 2", "disposed 2"]);
  });

  it("throws at the next save when copies cannot be made, and leaves nothing on the disk", async () => {
    const run = newFolder();
    const saver = new BackgroundSaver(run);
    const gone = () => {
      throw new Error("the card is gone");
    };
    await saver.save({ ...request(1), copies: gone });
    await delay(5); // an unhandled rejection would end the process here
    await expect(saver.save(request(2))).rejects.toThrow("the card is gone");
    expect(readdirSync(run)).toEqual([]);
  });

  it("waits for the previous save before it begins the next, also when both are asked for at once", async () => {
    const { log, write, next } = heldWriter();
    const saver = new BackgroundSaver("run", write);
    await saver.save(request(1));
    const others = [saver.save(request(2)), saver.save(request(3))];
    await delay(5);
    expect(log).toEqual(["begin 1"]);
    next().end();
    await others[0];
    await delay(5);
    expect(log).toEqual(["begin 1", "end 1", "begin 2"]);
    next().end();
    await others[1];
    expect(log.slice(3)).toEqual(["end 2", "begin 3"]);
    next().end();
    await saver.finish();
    expect(log.slice(5)).toEqual(["end 3"]);
  });

  it("tells when a checkpoint is whole, and not before", async () => {
    const { write, next } = heldWriter();
    const saved: string[] = [];
    const saver = new BackgroundSaver("run", write);
    await saver.save({ ...request(1), onSaved: (folder) => saved.push(`saved ${folder}`) });
    await delay(5);
    expect(saved).toEqual([]);
    next().end();
    await saver.finish();
    expect(saved).toEqual(["saved "]);
  });

  it("gives a save time to go on: until it is done, but no longer than was said, and nothing when there is none", async () => {
    const { write, next } = heldWriter();
    const saver = new BackgroundSaver("run", write);
    const waited = async (ms: number) => {
      const started = performance.now();
      await saver.giveTime(ms);
      return performance.now() - started;
    };
    expect(await waited(5000)).toBeLessThan(1000);
    await saver.save(request(1));
    // A timer of 30 ms may fire up to a millisecond early.
    expect(await waited(30)).toBeGreaterThanOrEqual(29);
    setTimeout(() => next().end(), 10);
    expect(await waited(5000)).toBeLessThan(1000);
    expect(await waited(5000)).toBeLessThan(1000);
  });

  it("gives a save no more time where it had it already, since the thread was free", async () => {
    const { write, next } = heldWriter();
    const saver = new BackgroundSaver("run", write);
    const waited = async (ms: number) => {
      const started = performance.now();
      await saver.giveTime(ms);
      return performance.now() - started;
    };
    await saver.save(request(1));
    await delay(200);
    // Of the 200 ms a busy machine may take most for itself; a blocked thread would give 5.
    expect(await waited(20)).toBeLessThan(20);
    const blockedUntil = performance.now() + 100;
    while (performance.now() < blockedUntil);
    expect(await waited(40)).toBeGreaterThanOrEqual(29);
    next().end();
    await saver.finish();
  });

  it("throws a failure at the next save, which is not begun, and once only", async () => {
    const { log, write, next } = heldWriter();
    const saver = new BackgroundSaver("run", write);
    await saver.save(request(1));
    next().fail(new Error("disk on fire"));
    await delay(5); // an unhandled rejection would end the process here
    await expect(saver.save(request(2))).rejects.toThrow("disk on fire");
    expect(log).toEqual(["begin 1", "end 1"]);
    await saver.finish();
    await saver.save(request(3));
    expect(log).toContain("begin 3");
  });

  it("throws a failure at finish, but not on disposal", async () => {
    const { write, next } = heldWriter();
    const saver = new BackgroundSaver("run", write);
    await saver.save(request(1));
    next().fail(new Error("disk on fire"));
    await expect(saver.finish()).rejects.toThrow("disk on fire");
    await expect(saver.finish()).resolves.toBeUndefined();
    const abandoned = async () => {
      await using inner = new BackgroundSaver("run", write);
      await inner.save(request(1));
      next().fail(new Error("disk on fire"));
      throw new Error("the reason to leave");
    };
    await expect(abandoned()).rejects.toThrow("the reason to leave");
  });

  it("disposal waits for the save in flight", async () => {
    const run = newFolder();
    {
      await using saver = new BackgroundSaver(run);
      await saver.save(request(1));
    }
    expect(readdirSync(run)).toEqual(["step-00000001"]);
  });

  it("applies retention after a save, not before it and not after a failed one", async () => {
    const run = newFolder();
    const saver = new BackgroundSaver(run);
    const retention = { keepLast: 1, keepEvery: null };
    for (const step of [1, 2, 3]) await saver.save({ ...request(step), retention });
    await saver.finish();
    expect(readdirSync(run)).toEqual(["step-00000003"]);
    writeFileSync(join(run, "x"), "");
    await saver.save({ ...request(4), attachments: { "x.json": join(run, "absent") }, retention });
    await expect(saver.finish()).rejects.toThrow(UserError);
    expect(readdirSync(run)).toEqual(["step-00000003", "x"]);
  });
});
