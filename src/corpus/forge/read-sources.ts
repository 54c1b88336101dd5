/** The first step: the units of the sources as documents. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { systemCode, UserError } from "../../base/errors.js";
import type { ForgePlan, ForgeSource } from "../../config/forge-plan.js";
import type { FoundDocument } from "../forge-document.js";
import { decodeUtf8, NOT_UTF8 } from "../record.js";
import type { SourceFiles } from "../source-kind.js";
import type { PartitionTask, Step } from "../step.js";
import type { Listing } from "./listing.js";
import { SOURCE_KINDS } from "./source-kinds.js";

/** The step `sources`. Its settings are in the listing's fingerprint, on which every task stands. */
export function readSourcesStep(plan: ForgePlan, listing: Listing): Step {
  return {
    name: "sources",
    version: 1,
    settings: null,
    phases: [{ name: "read", each: "partition", run: (task) => readPartition(task, plan, listing) }],
  };
}

async function readPartition(task: PartitionTask, plan: ForgePlan, listing: Listing): Promise<void> {
  const sources = new Map(plan.sources.map((source) => [source.name, source]));
  const roots = new Map(listing.sources.map(({ name, root }) => [name, root]));
  const units = listing.units[task.partition];
  const work = units.reduce((sum, { unit }) => sum + unit.bytes, 0);
  let done = 0;
  for (const { source: name, unit } of units) {
    const source = sources.get(name);
    const root = roots.get(name);
    if (source === undefined || root === undefined) throw new Error(`no source ${name}`);
    for await (const item of SOURCE_KINDS[source.kind].read(unit, diskFiles(root), source.settings as never)) {
      if ("rejected" in item) task.reject(item.rejected, name);
      else takeDocument(task, source, item.document);
    }
    done += unit.bytes;
    task.progress(done / work);
  }
}

function takeDocument(task: PartitionTask, source: ForgeSource, found: FoundDocument): void {
  if (!isDrawn(found.text, source)) {
    task.count(`${source.name}: not drawn by \`keep\``);
    return;
  }
  task.keep({
    ...{ text: found.text, source: source.name, origin: found.origin, licence: found.licence ?? source.licence },
    ...{ domain: source.domain, form: found.form, style: found.style ?? null },
    ...{ operation: found.operation ?? null, language: found.language ?? null },
  });
}

const DRAW_BYTES = 6;

/** Drawn by the text alone, so that copies stay together and the sample is the same in every run. */
function isDrawn(text: string, { keep: { numerator, denominator } }: ForgeSource): boolean {
  if (numerator === denominator) return true;
  const draw = createHash("sha256").update("keep\n").update(text).digest().readUIntBE(0, DRAW_BYTES);
  return draw * denominator < numerator * 2 ** (8 * DRAW_BYTES);
}

/** The files of a source below a folder on the disk. */
export function diskFiles(root: string): SourceFiles {
  const read = async (path: string): Promise<Buffer> => {
    try {
      return await readFile(resolve(root, path));
    } catch (error) {
      throw unreadable(error, path);
    }
  };
  return {
    location: (path) => resolve(root, path),
    bytes: read,
    text: async (path) => {
      const text = decodeUtf8(await read(path));
      return text === NOT_UTF8 ? null : text;
    },
    stream: async function* (path) {
      try {
        for await (const piece of createReadStream(resolve(root, path), { highWaterMark: 1 << 20 }))
          yield piece as Buffer;
      } catch (error) {
        throw unreadable(error, path);
      }
    },
  };
}

function unreadable(error: unknown, path: string): unknown {
  const code = systemCode(error);
  return code === null
    ? error
    : new UserError({ what: `cannot read this file (${code})`, where: path }, { cause: error });
}
