/** Last phase: drops the copies, and cuts what the corpus repeats out of the documents that stay. */
import { closeSync, openSync } from "node:fs";
import type { ForgeDocument } from "../forge-document.js";
import type { PartitionTask, Phase } from "../step.js";
import { textHash, wordHash } from "../text/hashes.js";
import { DOCUMENT, EXACT, REMOVED, REPEATED, removedFile, SIGNED, SIMILARITY_ONE, wordsOfFile } from "./files.js";
import { type Piece, piecesOf, withoutPieces } from "./pieces.js";
import { readWords } from "./records.js";
import { HashSet } from "./repeats.js";
import type { DedupSettings, RepeatSettings } from "./settings.js";
import { PIECE_SEED } from "./sign.js";

export function applyPhase(settings: DedupSettings): Phase {
  return {
    name: "apply",
    each: "partition",
    run: async (task: PartitionTask) => {
      const removed = wordsOfFile(task.mergedFile("decide", removedFile(task.partition)));
      const repeated = settings.repeats === null ? null : { ...settings.repeats, hashes: repeatedHashes(task) };
      let place = 0;
      let at = 0;
      for await (const document of task.documents()) {
        if (removed[at + REMOVED.place] === place && at < removed.length) {
          const fields = removed.subarray(at, at + REMOVED.width);
          const kind = fields[REMOVED.kind] === EXACT ? "exact duplicate" : "near duplicate";
          const similarity = (fields[REMOVED.similarity] / SIMILARITY_ONE).toFixed(3);
          task.drop(document, kind, `similarity ${similarity} to ${originOf(task, fields)}`);
          at += REMOVED.width;
        } else if (repeated?.forms.includes(document.form)) settle(task, document, repeated, settings.across);
        else task.keep(document);
        place++;
      }
    },
  };
}

/** Eight bytes for every line or paragraph that goes. */
function repeatedHashes(task: PartitionTask): HashSet {
  const shares = Array.from({ length: task.partitions }, (_, share) =>
    wordsOfFile(task.partitionFile("repeats", share, REPEATED)),
  );
  const pairs = new Uint32Array(shares.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const share of shares) {
    pairs.set(share, at);
    at += share.length;
  }
  return new HashSet(pairs);
}

function settle(
  task: PartitionTask,
  document: ForgeDocument,
  repeated: RepeatSettings & { hashes: HashSet },
  across: boolean,
): void {
  const { text } = document;
  const salt = across ? 0 : wordHash(document.domain);
  const pair = new Uint32Array(2);
  const cut: Piece[] = [];
  for (const piece of piecesOf(text, repeated.unit)) {
    textHash(text.slice(piece.start, piece.end), PIECE_SEED ^ salt, pair, 0);
    if (repeated.hashes.has(pair[0], pair[1])) cut.push(piece);
  }
  if (cut.length === 0) {
    task.keep(document);
    return;
  }
  const rest = withoutPieces(text, cut);
  if (rest.trim() === "" || rest.length < repeated.keep * text.length)
    task.drop(
      document,
      `repeated ${repeated.unit}`,
      `${cut.length} of them, ${rest.length} of ${text.length} characters left`,
    );
  else {
    task.count(`repeated ${repeated.unit} cut`, cut.length);
    task.count("characters cut", text.length - rest.length);
    task.keep({ ...document, text: rest });
  }
}

/** Source and origin of the document that stands for a removed one. */
function originOf(task: PartitionTask, removed: Uint32Array): string {
  const partition = removed[REMOVED.partition];
  const read = (name: string, position: number, words: number): Uint32Array => {
    const file = openSync(task.partitionFile("sign", partition, name), "r");
    const found = new Uint32Array(words);
    readWords(file, position, found);
    closeSync(file);
    return found;
  };
  const fields = read(SIGNED.documents, removed[REMOVED.representative] * DOCUMENT.width, DOCUMENT.width);
  const position = fields[DOCUMENT.originHigh] * 2 ** 32 + fields[DOCUMENT.originLow];
  const words = read(SIGNED.origins, position, Math.ceil(fields[DOCUMENT.originBytes] / 4));
  return Buffer.from(words.buffer, 0, fields[DOCUMENT.originBytes]).toString();
}
