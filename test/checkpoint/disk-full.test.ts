/** Saving to a disk that is really full. */
import { readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { messageOf, UserError } from "../../src/base/errors.js";
import { lockFolder } from "../../src/base/folder-lock.js";
import { listCheckpoints, newestWhole, openCheckpoint } from "../../src/checkpoint/load.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { contentOf, openedView, savedView } from "./content.js";
import { mountSmall, NEEDS } from "./small-disk.js";

describe("saving to a full disk", () => {
  it("throws a UserError that says so; the earlier checkpoint stays whole and nothing else is left", async ({
    skip,
  }) => {
    const run = mountSmall(2 << 20) ?? skip(NEEDS);
    const floats = 80_000; // three copies are about 1 MiB: one checkpoint fits, two do not
    await saveCheckpoint(run, contentOf(1, floats));
    const free = statfsSync(run).bfree;
    const error: unknown = await saveCheckpoint(run, contentOf(2, 2 * floats)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(messageOf(error)).toMatch(/step-00000002: the disk is full[\s\S]*hint: free some space/);
    expect(readdirSync(run)).toEqual(["step-00000001"]);
    expect(statfsSync(run).bfree).toBe(free);
    const { checkpoint, damaged } = await newestWhole(run);
    expect(checkpoint && (await openedView(checkpoint))).toEqual(savedView(contentOf(1, floats)));
    expect(damaged).toEqual([]);
  });

  it("goes on once there is space again", async ({ skip }) => {
    const run = mountSmall(2 << 20) ?? skip(NEEDS);
    const filler = join(run, "filler");
    writeFileSync(filler, Buffer.alloc((2 << 20) - 20_000));
    await expect(saveCheckpoint(run, contentOf(1, 10_000))).rejects.toThrow(/the disk is full/);
    expect(await listCheckpoints(run)).toEqual([]);
    rmSync(filler);
    await expect(openCheckpoint(await saveCheckpoint(run, contentOf(1, 10_000)))).resolves.toBeDefined();
  });

  it("says so too when there is no room for the lock", async ({ skip }) => {
    const run = mountSmall(1 << 20) ?? skip(NEEDS);
    writeFileSync(join(run, "filler"), Buffer.alloc(1 << 20));
    await expect(lockFolder(run, "run")).rejects.toThrow(/the disk is full/);
    expect(readdirSync(run)).toEqual(["filler"]);
  });
});
