/**
 * A domain is written into a folder beside its place and moved there when it is complete. Until then the old shards stay as they were; a run
 * that was stopped leaves the shards it finished, and their list, for the next one.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exists, readJson, writeFileAtomic } from "../../base/files.js";
import { asideOf, recoverFolder, swapFolder } from "../../base/swap-folder.js";
import { isShardLists, type ShardLists, shardsStand } from "./manifest.js";
import { SIDE_FOLDERS } from "./prepare-shards.js";

const MANIFEST = "manifest.json";
const FINISHED = "finished.json";
const NOTHING: ShardLists = { train: [], heldOut: [] };

export class Staging {
  private constructor(
    readonly folder: string,
    private readonly place: string,
    private readonly key: string,
    /** Shards that an interrupted run with the same recipe has finished. */
    readonly finished: ShardLists,
  ) {}

  /** Opens the staging folder of `place` for a recipe. Everything in it that is not a finished shard of this recipe is removed. */
  static async open(place: string, key: string): Promise<Staging> {
    const folder = asideOf(place);
    const finished = await readFinished(folder, key);
    if (finished === null) await rm(folder, { recursive: true, force: true });
    else await removeOthers(folder, finished);
    await mkdir(folder, { recursive: true });
    return new Staging(folder, place, key, finished ?? NOTHING);
  }

  /** Records the shards finished so far. */
  async record(shards: ShardLists): Promise<void> {
    await writeFileAtomic(join(this.folder, FINISHED), JSON.stringify({ key: this.key, shards }));
  }

  /** Writes the manifest and moves the folder to its place. */
  async publish(manifest: unknown): Promise<void> {
    await rm(join(this.folder, FINISHED), { force: true });
    await writeFileAtomic(join(this.folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    await swapFolder(this.place);
  }
}

/** Ends an exchange of folders that was cut short. To be called before anything looks at `place`. */
export async function recover(place: string): Promise<void> {
  await recoverFolder(place, MANIFEST);
}

async function readFinished(folder: string, key: string): Promise<ShardLists | null> {
  const path = join(folder, FINISHED);
  if (!(await exists(path))) return null;
  // Whatever is wrong with a half-done folder, doing it again is right.
  const content = await readJson(path).catch(() => null);
  if (content === null || typeof content !== "object" || !("key" in content) || !("shards" in content)) return null;
  const { shards } = content;
  return content.key === key && isShardLists(shards) && (await shardsStand(folder, shards)) ? shards : null;
}

async function removeOthers(folder: string, { train, heldOut }: ShardLists): Promise<void> {
  const kept = new Set([...train, ...heldOut].map(({ path }) => path));
  for (const side of Object.values(SIDE_FOLDERS)) {
    if (!(await exists(join(folder, side)))) continue;
    for (const name of await readdir(join(folder, side)))
      if (!kept.has(`${side}/${name}`)) await rm(join(folder, side, name), { recursive: true });
  }
}
