/** One run per folder: live holders are named, dead ones do not count, and no two ever hold it together. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { messageOf, UserError } from "../../src/base/errors.js";
import { lockFolder } from "../../src/base/folder-lock.js";
import { isRunning, startOfProcess } from "../../src/base/process.js";
import { newFolder } from "../checkpoint/content.js";

const hasProc = existsSync("/proc/self/stat");
const locksIn = (run: string) => readdirSync(run).filter((name) => name.startsWith("run.lock"));

/** Leaves the lock of another process. */
function leaveLock(run: string, holder: unknown): void {
  const text = typeof holder === "string" ? holder : JSON.stringify(holder);
  writeFileSync(join(run, "run.lock-00000000000000aa"), text);
}

/** A process that does nothing until it is killed. */
function idleProcess(): ChildProcess & { readonly pid: number } {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const { pid } = child;
  if (pid === undefined) throw new Error("not started");
  return Object.assign(child, { pid });
}

describe("lockFolder", () => {
  it("creates the folder, holds until disposed, and leaves nothing", async () => {
    const run = join(newFolder(), "runs", "new");
    {
      await using _lock = await lockFolder(run, "run");
      expect(locksIn(run)).toHaveLength(1);
      await expect(lockFolder(run, "run")).rejects.toThrow(UserError);
      expect(locksIn(run)).toHaveLength(1);
    }
    expect(readdirSync(run)).toEqual([]);
    await using _again = await lockFolder(run, "run");
  });

  it("is waited for by whoever wants to", async () => {
    const run = newFolder();
    const first = await lockFolder(run, "run");
    const heard: unknown[] = [];
    const second = lockFolder(run, "run", async (error) => {
      heard.push(error);
      await first[Symbol.asyncDispose]();
    });
    await using _lock = await second;
    expect(heard).toEqual([expect.any(UserError)]);
  });

  it("lets other work go on in the same folder", async () => {
    const run = newFolder();
    await using _run = await lockFolder(run, "run");
    await using _other = await lockFolder(run, "other");
    await expect(lockFolder(run, "other")).rejects.toThrow(/another other is at work/);
  });

  it("names process and host of the run that holds it, and how to get out", async () => {
    const run = newFolder();
    const { pid } = idleProcess();
    leaveLock(run, { pid, host: hostname(), started: startOfProcess(pid), since: "2025-01-02T03:04:05Z" });
    const error: unknown = await lockFolder(run, "run").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(messageOf(error)).toContain(`process ${pid} on ${hostname()}, since 2025-01-02T03:04:05Z`);
    expect(messageOf(error)).toContain("run.lock-00000000000000aa");
    expect(locksIn(run)).toEqual(["run.lock-00000000000000aa"]);
  });

  it("takes over from a process that was killed, without a word", async () => {
    const run = newFolder();
    const child = idleProcess();
    const holder = { pid: child.pid, host: hostname(), started: startOfProcess(child.pid), since: "" };
    leaveLock(run, holder);
    await expect(lockFolder(run, "run")).rejects.toThrow(UserError);
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    await using _lock = await lockFolder(run, "run");
    expect(locksIn(run)).not.toContain("run.lock-00000000000000aa");
  });

  it("is not mistaken when the number of a dead process belongs to another one now", async ({ skip }) => {
    if (!hasProc) skip("start times need /proc");
    const run = newFolder();
    leaveLock(run, { pid: process.pid, host: hostname(), started: "another boot 12345", since: "" });
    await using _lock = await lockFolder(run, "run");
  });

  it("respects a live process whose start is not known, and any process of another machine", async () => {
    const run = newFolder();
    leaveLock(run, { pid: process.pid, host: hostname(), started: null, since: "" });
    await expect(lockFolder(run, "run")).rejects.toThrow(UserError);
    leaveLock(run, { pid: 2 ** 22 + 1, host: "elsewhere", started: null, since: "" });
    await expect(lockFolder(run, "run")).rejects.toThrow(/on elsewhere[\s\S]*if it died on another machine, delete/);
  });

  it("takes over what a power cut left of a lock", async () => {
    for (const text of ["", "\0\0\0", "{", "[]", '{"pid":0,"host":"h"}', '{"pid":-1,"host":"h"}', '{"pid":1}']) {
      const run = newFolder();
      leaveLock(run, text);
      await using _lock = await lockFolder(run, "run");
      expect(locksIn(run), text).toHaveLength(1);
    }
  });

  it("is never held by two, however many ask at once, and can be had afterwards", async () => {
    const run = newFolder();
    let holders = 0;
    let taken = 0;
    const candidate = async () => {
      try {
        await using _lock = await lockFolder(run, "run");
        holders++;
        taken++;
        expect(holders).toBe(1);
        await delay(Math.random() * 5);
        expect(holders).toBe(1);
        holders--;
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    };
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 6 }, candidate));
    expect(taken).toBeGreaterThan(0);
    expect(readdirSync(run)).toEqual([]);
    await candidate();
  });

  it("says so when a file is in the way", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "file"), "");
    await expect(lockFolder(join(folder, "file"), "run")).rejects.toThrow(/a file is where a folder should be/);
  });
});

describe("isRunning", () => {
  it("knows this process, its start, and that numbers beyond the system's are nobody's", () => {
    expect(isRunning(process.pid, null)).toBe(true);
    expect(isRunning(process.pid, startOfProcess(process.pid))).toBe(true);
    expect(isRunning(2 ** 22 + 1, null)).toBe(false);
    expect(startOfProcess(2 ** 22 + 1)).toBeNull();
  });

  it("tells two processes apart", ({ skip }) => {
    if (!hasProc) skip("start times need /proc");
    expect(startOfProcess(process.pid)).toMatch(/^[0-9a-f-]{36} \d+$/);
    expect(startOfProcess(1)).not.toBe(startOfProcess(process.pid));
    expect(startOfProcess(process.pid)).toBe(startOfProcess(process.pid));
  });

  it("counts a zombie as dead: killed, but its parent has not waited for it", async ({ skip }) => {
    if (!hasProc) skip("zombies are seen in /proc");
    // The shell starts a process, kills it and becomes `sleep`, which never waits for it.
    const parent = spawn("sh", ["-c", "sleep 1000 & echo $!; kill -9 $!; exec sleep 1000"]);
    onTestFinished(() => void parent.kill("SIGKILL"));
    const pid = Number(await new Promise((resolve) => parent.stdout.once("data", resolve)));
    while (startOfProcess(pid) !== null) await delay(5);
    expect(() => process.kill(pid, 0)).not.toThrow();
    expect(isRunning(pid, "whenever it was")).toBe(false);
  });
});
