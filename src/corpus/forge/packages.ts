/** Sources that are packages: fetched once, verified, unpacked beside the fetched archives. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { exists } from "../../base/files.js";
import { lockFolder } from "../../base/folder-lock.js";
import type { ForgeSource, PinnedPackage } from "../../config/forge-plan.js";
import { fillCache, type Progress } from "../sources/packages/package-cache.js";
import { unpackPackage } from "../sources/packages/unpack.js";

const RETRY_MS = 1000;

/** Gives the folder of a source's unpacked package, whoever asks first fetching it. */
export function packageRoots(cache: string, progress: Progress): (source: ForgeSource) => Promise<string> {
  return async ({ from }) => {
    if (!("pinned" in from)) throw new Error("this source is no package");
    const folder = join(cache, "unpacked", folderName(from.pinned));
    if (await exists(`${folder}.unpacked`)) return folder;
    // Of several processes one unpacks; the others wait and find it done.
    await using _lock = await lockFolder(cache, "fetch", () => wait(RETRY_MS));
    if (await exists(`${folder}.unpacked`)) return folder;
    await fillCache(cache, [from.pinned], progress);
    await unpackPackage(cache, from.pinned, /./, folder, progress);
    return folder;
  };
}

function folderName({ name, version }: PinnedPackage): string {
  return `${name.replace("/", "-").replace("@", "")}-${version}`;
}
