/**
 * A process that a test kills: it locks the run folder, takes the newest whole checkpoint, checks it, and saves one step after the other.
 *   node --import tsx test/checkpoint/saving-process.ts <run folder>
 * Prints `from <step>` at the start and the number of every step that is saved.
 */
import { isDeepStrictEqual } from "node:util";
import { lockFolder } from "../../src/base/folder-lock.js";
import { newestWhole } from "../../src/checkpoint/load.js";
import { applyRetention, cleanLeftovers } from "../../src/checkpoint/retention.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { contentOf, openedView, savedView } from "./content.js";

/** Large enough that a kill often falls into the writing. */
const FLOATS = 200_000;

async function main(runFolder: string): Promise<void> {
  await using _lock = await lockFolder(runFolder, "run");
  await cleanLeftovers(runFolder);
  const { checkpoint, damaged } = await newestWhole(runFolder);
  if (damaged.length > 0) throw new Error(JSON.stringify(damaged));
  const first = checkpoint?.trainer.step ?? 0;
  if (checkpoint !== null && !isDeepStrictEqual(await openedView(checkpoint), savedView(contentOf(first, FLOATS))))
    throw new Error(`step ${first} is not what was saved`);
  console.log(`from ${first}`);
  for (let step = first + 1; ; step++) {
    await saveCheckpoint(runFolder, contentOf(step, FLOATS));
    console.log(step);
    await applyRetention(runFolder, { keepLast: 2, keepEvery: null });
  }
}

await main(process.argv[2]);
