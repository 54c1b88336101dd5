/**
 * A save stopped before each single file-system call in turn. `node:fs/promises` is replaced by itself with a counter: at the chosen call
 * it either never returns (what a kill leaves behind, since nothing later happens) or fails as a full disk does.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { UserError } from "../../src/base/errors.js";
import type { CheckpointContent } from "../../src/checkpoint/format.js";
import { listCheckpoints, newestWhole, openCheckpoint } from "../../src/checkpoint/load.js";
import { applyRetention, cleanLeftovers } from "../../src/checkpoint/retention.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { contentOf, newFolder, openedView, savedView, tensor } from "./content.js";

const interruption = vi.hoisted(() => ({
  calls: [] as string[],
  stopAt: Number.POSITIVE_INFINITY,
  how: "kill" as "kill" | "full",
  stopped: () => {},
  /** Handles that a killed save left open. */
  handles: [] as FileHandle[],
}));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const COUNTED = ["mkdir", "rename", "rm", "open", "write", "writeFile", "sync", "close"];
  // After a kill nothing is called any more; after "disk full" the rest works, as removing files does.
  const counted =
    (name: string, run: (...values: unknown[]) => unknown) =>
    async (...values: unknown[]) => {
      interruption.calls.push(name);
      const call = interruption.calls.length;
      if (interruption.how === "kill" ? call >= interruption.stopAt : call === interruption.stopAt) {
        interruption.stopped();
        if (interruption.how === "kill") return new Promise(() => {});
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      }
      const result = await run(...values);
      return name === "open" ? countedHandle(result as FileHandle) : result;
    };
  const countedHandle = (file: FileHandle) => {
    interruption.handles.push(file);
    return new Proxy(file, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== "function") return member;
        const bound = member.bind(target);
        return COUNTED.includes(String(key)) ? counted(String(key), bound) : bound;
      },
    });
  };
  const wrapped = Object.entries(real).map(([name, member]) => {
    const run: unknown = member;
    return [name, COUNTED.includes(name) && typeof run === "function" ? counted(name, (...v) => run(...v)) : member];
  });
  return Object.fromEntries(wrapped);
});

beforeEach(() => {
  interruption.stopAt = Number.POSITIVE_INFINITY;
});

/** Runs until the chosen call; the error it ended with, or null when it was killed or ended well. */
async function interrupted(how: "kill" | "full", stopAt: number, run: () => Promise<unknown>): Promise<unknown> {
  const killed = new Promise<null>((resolve) => {
    Object.assign(interruption, { calls: [], how, stopAt, stopped: () => how === "kill" && resolve(null) });
  });
  const ended = run().then(
    () => null,
    (error: unknown) => error,
  );
  const outcome = await Promise.race([killed, ended]);
  interruption.stopAt = Number.POSITIVE_INFINITY;
  for (const handle of interruption.handles.splice(0)) await handle.close().catch(() => undefined);
  return outcome;
}

/** Number of calls of an uninterrupted save. */
async function callsOf(content: CheckpointContent): Promise<number> {
  const run = await runWithOne();
  await interrupted("kill", Number.POSITIVE_INFINITY, () => saveCheckpoint(run, content));
  return interruption.calls.length;
}

const NEW = contentOf(20);
const REPLACEMENT = { ...contentOf(10), weights: [tensor("other", "weight", [1, 2])] };

async function runWithOne(): Promise<string> {
  const run = newFolder();
  writeFileSync(join(run, "tokenizer.json"), "{}");
  await saveCheckpoint(run, contentOf(10));
  return run;
}

async function newestView(run: string) {
  const { checkpoint, damaged } = await newestWhole(run);
  expect(damaged).toEqual([]);
  return checkpoint && openedView(checkpoint);
}

describe("a save that is stopped before any one of its file-system calls", () => {
  it("is made of the calls that this test counts, the manifest and the rename last", async () => {
    await callsOf(NEW);
    const file = ["open", "write", "sync", "close"];
    const tensors = ["open", "write", "write", "write", "sync", "close"];
    const moments = ["open", "write", "write", "write", "write", "write", "sync", "close"];
    const folder = ["open", "sync", "close"];
    const files = [...file, ...tensors, ...moments, ...file, ...file];
    // The first rename finds no older checkpoint of the step.
    expect(interruption.calls).toEqual(["mkdir", "mkdir", ...files, ...folder, "rename", "rename", ...folder]);
  });

  it("killed, leaves the previous checkpoint or the new one, whole, and a run that can go on", async () => {
    const attached = 4; // calls that copy the attachment
    const calls = (await callsOf(NEW)) + attached;
    for (let stopAt = 1; stopAt <= calls; stopAt++) {
      const run = await runWithOne();
      const content = { ...NEW, attachments: { "tokenizer.json": join(run, "tokenizer.json") } };
      await interrupted("kill", stopAt, () => saveCheckpoint(run, content));
      const found = await newestView(run);
      expect([savedView(contentOf(10)), savedView(content)]).toContainEqual(found);
      await cleanLeftovers(run);
      const whole = (await listCheckpoints(run)).length;
      expect(readdirSync(run), `stopped at call ${stopAt}`).toHaveLength(1 + whole);
      await saveCheckpoint(run, content);
      expect(await newestView(run)).toEqual(savedView(content));
    }
  });

  it("killed while it replaces, leaves the old content or the new, whole, once the next start has cleaned up", async () => {
    const calls = await callsOf(REPLACEMENT);
    for (let stopAt = 1; stopAt <= calls; stopAt++) {
      const run = await runWithOne();
      await interrupted("kill", stopAt, () => saveCheckpoint(run, REPLACEMENT));
      await cleanLeftovers(run);
      expect([savedView(contentOf(10)), savedView(REPLACEMENT)]).toContainEqual(await newestView(run));
      expect(readdirSync(run).sort()).toEqual(["step-00000010", "tokenizer.json"]);
    }
  });

  it("on a full disk, throws a UserError, removes what it wrote and leaves the previous checkpoint", async () => {
    const run = await runWithOne();
    const before = readFileSync(join(run, "step-00000010", "manifest.json"), "utf8");
    // Once the folder has its name, flushing the run folder takes three calls, removing what was replaced one.
    for (const { content, afterPublishing } of [
      { content: NEW, afterPublishing: 3 },
      { content: REPLACEMENT, afterPublishing: 4 },
    ]) {
      const calls = await callsOf(content);
      for (let stopAt = 2; stopAt <= calls - afterPublishing; stopAt++) {
        const error = await interrupted("full", stopAt, () => saveCheckpoint(run, content));
        expect(error, `stopped at call ${stopAt}: ${interruption.calls[stopAt - 1]}`).toBeInstanceOf(UserError);
        expect(String(error)).toMatch(/the disk is full/);
        expect(readdirSync(run).sort()).toEqual(["step-00000010", "tokenizer.json"]);
        expect(readFileSync(join(run, "step-00000010", "manifest.json"), "utf8")).toBe(before);
      }
    }
    await expect(openCheckpoint(join(run, "step-00000010"))).resolves.toBeDefined();
  });
});

describe("retention that is killed before any one of its file-system calls", () => {
  it("leaves only whole checkpoints under their names, and the next start removes the rest", async () => {
    const fill = async () => {
      const run = newFolder();
      for (const step of [1, 2, 3]) await saveCheckpoint(run, contentOf(step));
      return run;
    };
    const policy = { keepLast: 1, keepEvery: null };
    const run = await fill();
    await interrupted("kill", Number.POSITIVE_INFINITY, () => applyRetention(run, policy));
    const calls = interruption.calls.length;
    expect(calls).toBe(2 * ["rename", "open", "sync", "close", "rm"].length);
    for (let stopAt = 1; stopAt <= calls; stopAt++) {
      const killed = await fill();
      await interrupted("kill", stopAt, () => applyRetention(killed, policy));
      for (const { folder } of await listCheckpoints(killed)) await openCheckpoint(folder);
      await cleanLeftovers(killed);
      expect(readdirSync(killed).every((name) => /^step-\d{8}$/.test(name))).toBe(true);
      expect(await newestView(killed)).toEqual(savedView(contentOf(3)));
    }
  });
});
