/** The finished corpus in its place: domain files, datasheet, page. The folder is exchanged as a whole, so that nobody reads half of one. */
import { copyFile, link, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, UserError } from "../../base/errors.js";
import { asDiskError, exists, readJson, syncFolder } from "../../base/files.js";
import { asideOf, recoverFolder, swapFolder } from "../../base/swap-folder.js";
import type { ForgePlan } from "../../config/forge-plan.js";
import type { Datasheet } from "./datasheet.js";
import { domainFile } from "./domains-step.js";
import { datasheetMarkdown } from "./render-datasheet.js";
import { reportPage } from "./report-page.js";
import { type PlacedPhase, partitionName, taskFolder } from "./tasks.js";

export const DATASHEET_FILE = "datasheet.json";

/**
 * Puts the corpus into `plan.output`: `<domain>/part-0000.jsonl`, `datasheet.json`, `datasheet.md`, `report.html`.
 * @returns whether anything was written: a corpus with this fingerprint stands.
 * @throws UserError when the folder holds something that is no corpus, or the disk is full.
 */
export async function publish(plan: ForgePlan, domains: PlacedPhase, sheet: Datasheet): Promise<boolean> {
  const { output } = plan;
  await recoverFolder(output, DATASHEET_FILE);
  if ((await publishedFingerprint(output)) === sheet.fingerprint) return false;
  const aside = asideOf(output);
  try {
    await rm(aside, { recursive: true, force: true });
    for (const domain of Object.keys(sheet.by.domain)) {
      await mkdir(join(aside, domain), { recursive: true });
      for (let partition = 0; partition < plan.partitions; partition++) {
        const file = join(taskFolder(domains.folder, partition), domainFile(domain));
        if (await exists(file)) await linkOrCopy(file, join(aside, domain, `${partitionName(partition)}.jsonl`));
      }
      await syncFolder(join(aside, domain));
    }
    await mkdir(aside, { recursive: true });
    await writeFile(join(aside, "datasheet.md"), datasheetMarkdown(sheet), { flush: true });
    await writeFile(join(aside, "report.html"), reportPage(sheet), { flush: true });
    // Last, for it says that the folder is whole.
    await writeFile(join(aside, DATASHEET_FILE), `${JSON.stringify(sheet, null, 1)}\n`, { flush: true });
    await swapFolder(output);
    return true;
  } catch (error) {
    throw asDiskError(error, output);
  }
}

/** @throws UserError when the output folder holds something that is no corpus: to be told before hours of work, not after. */
export async function checkOutput({ output }: ForgePlan): Promise<void> {
  await publishedFingerprint(output);
}

async function publishedFingerprint(output: string): Promise<string | null> {
  if (!(await exists(output)) || (await readdir(output)).length === 0) return null;
  const path = join(output, DATASHEET_FILE);
  if (!(await exists(path)))
    throw new UserError({
      what: "this folder holds something that a forge did not write",
      where: output,
      hint: "move it away, or name another `output`",
    });
  return ((await readJson(path)) as Datasheet).fingerprint;
}

/** A hard link costs nothing; other file systems than the work's need a copy. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!["EXDEV", "EPERM", "ENOTSUP", "EMLINK", "ENOSYS"].includes(systemCode(error) ?? "")) throw error;
    await copyFile(from, to);
  }
}
