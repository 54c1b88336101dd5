import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { numberPhases, PARTITIONS, run } from "./forge-fixture.js";

let work = "";
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-"));
});
afterEach(() => rm(work, { recursive: true }));

/** Every file below a folder with its content; the tasks' records without their times. */
async function contents(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(folder.length)] = (await readFile(path, "utf8")).replace(/"seconds":[^,]+,/, "");
  }
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function straight(): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "forge-straight-"));
  try {
    await run(numberPhases(folder));
    return await contents(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("a run of the forge", () => {
  it("keeps, drops, rejects and counts, in files and records", async () => {
    const outcomes = await run(numberPhases(work));
    expect(outcomes.map(({ placed, ran, stood }) => [placed.name, ran, stood])).toEqual([
      ["sources/read", PARTITIONS, 0],
      ["shorten/measure", PARTITIONS, 0],
      ["shorten/mean", 1, 0],
      ["shorten/apply", PARTITIONS, 0],
      ["domains/write", PARTITIONS, 0],
    ]);
    const [read, , , apply] = outcomes;
    for (const { tally } of read.records) expect(tally.rejected).toEqual({ torn: 1 });
    for (const [partition, { tally }] of apply.records.entries()) {
      const folder = join(apply.placed.folder, `part-000${partition}`);
      const kept = (await readFile(join(folder, "documents.jsonl"), "utf8")).split("\n").length - 1;
      const dropped = (await readFile(join(folder, "dropped.jsonl"), "utf8")).trim().split("\n").filter(Boolean);
      expect(kept + dropped.length).toBe(7);
      expect(tally.kept["source"]?.documents ?? 0).toBe(kept);
      for (const line of dropped) expect(JSON.parse(line)).toMatchObject({ reason: "short", source: "source" });
    }
  });

  it("does nothing twice", async () => {
    await run(numberPhases(work));
    const before = await contents(work);
    const begun: string[] = [];
    const outcomes = await run(numberPhases(work, (task) => begun.push(task)));
    expect(begun).toEqual([]);
    expect(outcomes.every(({ ran }) => ran === 0)).toBe(true);
    expect(await contents(work)).toEqual(before);
  });

  it.each(["read 0", "read 3", "measure 2", "mean", "apply 4", "write 1"])(
    "goes on after a stop in %s to the same bytes, without doing the rest again",
    async (last) => {
      const first: string[] = [];
      const stop = (task: string): void => {
        if (task === last) throw new Error("stopped");
        first.push(task);
      };
      await expect(run(numberPhases(work, stop))).rejects.toThrow("stopped");
      const second: string[] = [];
      await run(numberPhases(work, (task) => second.push(task)));
      expect(second.filter((task) => first.includes(task) && !task.startsWith("apply"))).toEqual([]);
      expect(await contents(work)).toEqual(await straight());
    },
  );

  it("clears away what a killed process left of a task", async () => {
    const phases = numberPhases(work);
    await run(phases, { until: "sources" });
    const left = join(phases[1].folder, "part-0002.partial-1-abcd");
    await mkdir(left, { recursive: true });
    await writeFile(join(left, "lengths"), "[1,");
    await run(phases);
    expect(await contents(work)).toEqual(await straight());
  });

  it("does a task again whose files were changed in size or lost", async () => {
    const phases = numberPhases(work);
    await run(phases);
    await truncate(join(phases[1].folder, "part-0001", "lengths"), 3);
    await rm(join(phases[4].folder, "part-0003", "out"));
    const begun: string[] = [];
    await run(numberPhases(work, (task) => begun.push(task)));
    expect(begun).toEqual(["measure 1", "write 3"]);
    expect(await contents(work)).toEqual(await straight());
  });

  it("does again what a changed setting reaches, and finds the old work when it is changed back", async () => {
    await run(numberPhases(work));
    const begun: string[] = [];
    const watch = (task: string): void => void begun.push(task);
    await run(numberPhases(work, watch, { word: "other" }));
    expect(begun.length).toBeGreaterThan(3 * PARTITIONS);
    begun.length = 0;
    await run(numberPhases(work, watch));
    expect(begun).toEqual([]);
  });

  it("stops after a step that is named", async () => {
    const outcomes = await run(numberPhases(work), { until: "shorten" });
    expect(outcomes.at(-1)?.placed.name).toBe("shorten/apply");
    await expect(run(numberPhases(work), { until: "shortn" })).rejects.toThrow("sources, shorten, domains");
  });
});

describe("parts of a run", () => {
  it.each([2, 3, 5, 9])("%d of them at once give the bytes of one run", async (of) => {
    const parts = Array.from({ length: of }, (_, index) => run(numberPhases(work), { part: { index, of } }));
    const outcomes = await Promise.all(parts);
    expect(outcomes.flat().reduce((sum, { ran }) => sum + ran, 0)).toBe(4 * PARTITIONS + 1);
    expect(await contents(work)).toEqual(await straight());
  });

  it("run phase by phase, as drivers do that order jobs themselves", async () => {
    const phases = numberPhases(work);
    for (const { name } of phases)
      for (const index of [1, 0]) await run(numberPhases(work), { part: { index, of: 2 }, phase: name });
    expect(await contents(work)).toEqual(await straight());
  });

  it("refuse a phase whose input is not whole", async () => {
    await run(numberPhases(work), { part: { index: 0, of: 2 }, phase: "sources/read" });
    await expect(run(numberPhases(work), { phase: "shorten/measure" })).rejects.toThrow(
      /sources\/read is not done[\s\S]*2 of its tasks/,
    );
    await expect(run(numberPhases(work), { phase: "shorten/means" })).rejects.toThrow("no phase `shorten/means`");
  });
});
