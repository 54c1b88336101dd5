/** A saving process killed with SIGKILL at random moments, restarted on what it left, again and again. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { lockFolder } from "../../src/base/folder-lock.js";
import { newestWhole } from "../../src/checkpoint/load.js";
import { cleanLeftovers } from "../../src/checkpoint/retention.js";
import { newFolder } from "./content.js";

const KILLS = 6;
/** A save of this size takes some tens of milliseconds, so a kill falls anywhere into one. */
const LONGEST_MS = 150;

/** Starts the process, kills it a random time after its first save, and returns the numbers it printed. */
async function runAndKill(runFolder: string): Promise<{ from: number; saved: readonly number[] }> {
  const script = join(import.meta.dirname, "saving-process.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script, runFolder], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  const started = new Promise<void>((resolve) => {
    child.stdout.on("data", (text) => {
      output += text;
      if (/^\d/m.test(output)) resolve();
    });
  });
  child.stderr.on("data", (text) => {
    errors += text;
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  await Promise.race([started, ended]);
  await delay(Math.random() * LONGEST_MS);
  child.kill("SIGKILL");
  await ended;
  expect(errors).toBe("");
  const [from = "", ...steps] = output.trim().split("\n");
  return { from: Number(from.replace("from ", "")), saved: steps.map(Number) };
}

it("leaves a whole newest checkpoint after every kill, and loses none that was reported saved", async () => {
  const run = join(newFolder(), "run");
  let newest = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const { from, saved } = await runAndKill(run);
    expect(from).toBe(newest);
    expect(saved.length).toBeGreaterThan(0);
    const last = saved.at(-1) ?? 0;
    const { checkpoint, damaged } = await newestWhole(run);
    expect(damaged).toEqual([]);
    newest = checkpoint?.trainer.step ?? 0;
    // The kill may fall between the rename and the line that reports it.
    expect([last, last + 1]).toContain(newest);
  }
  await using _lock = await lockFolder(run, "run"); // the dead processes' locks do not stand in the way
  await cleanLeftovers(run);
  const left = readdirSync(run).filter((name) => !name.startsWith("run.lock-"));
  expect(left.every((name) => /^step-\d{8}$/.test(name))).toBe(true);
  expect(left.length).toBeLessThanOrEqual(3);
}, 120_000);
