/** Labelled texts: a bounded number, drawn by their text, so that who meets them first does not matter. */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { UserError } from "../../base/errors.js";
import { readJsonLines } from "../json-lines.js";
import type { LabelFile } from "./settings.js";

export interface Sample {
  readonly text: string;
  readonly good: boolean;
}

/** Characters of a text that are learnt from: its beginning says what it is. */
export const MAX_CHARACTERS = 8000;

/** Holds the texts of each side whose hashes are smallest. */
export class SampleDraw {
  private readonly sides = { good: [] as Drawn[], bad: [] as Drawn[] };

  constructor(private readonly most: number) {}

  add({ text, good }: Sample): void {
    // A copy: a slice would keep the whole document in memory.
    const begin = Buffer.from(text.slice(0, MAX_CHARACTERS)).toString();
    const side = this.sides[good ? "good" : "bad"];
    // Not the hash that holds documents out: the smallest of those are all held out.
    side.push({ key: createHash("sha256").update("sample\n").update(begin).digest("hex"), text: begin });
    // Sorting now and then keeps the cost per text small.
    if (side.length >= 2 * this.most + 1000) shrink(side, this.most);
  }

  /** In the order of the hashes, good ones first; a text that is there twice counts once. */
  samples(): Sample[] {
    for (const side of Object.values(this.sides)) shrink(side, this.most);
    const { good, bad } = this.sides;
    return [...good.map(({ text }) => ({ text, good: true })), ...bad.map(({ text }) => ({ text, good: false }))];
  }
}

interface Drawn {
  readonly key: string;
  readonly text: string;
}

function shrink(side: Drawn[], most: number): void {
  side.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const once = side.filter(({ key }, at) => key !== side[at - 1]?.key).slice(0, most);
  side.splice(0, side.length, ...once);
}

export function writeSamples(path: string, samples: readonly Sample[]): void {
  writeFileSync(path, samples.map((sample) => JSON.stringify(sample)).join("\n"));
}

export function readSamples(path: string): Sample[] {
  const text = readFileSync(path, "utf8");
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Sample);
}

/**
 * The judgements of label files, and how many records are none.
 * @throws UserError when a file cannot be read or holds no judgement at all.
 */
export async function* readLabels({
  paths,
  text: textColumn,
  label: labelColumn,
  positive,
}: LabelFile): AsyncGenerator<Sample | { readonly why: string }> {
  const good = new Set(positive);
  for (const path of paths) {
    let judgements = 0;
    const records = readJsonLines(path, {
      columns: { all: [textColumn, labelColumn], required: [textColumn, labelColumn] },
      read: (fields, where) => ({ rejected: { where, why: "" }, raw: fields }),
    });
    for await (const record of records) {
      const unread = "rejected" in record ? record.rejected.why : "";
      const raw = "rejected" in record ? record.raw : null;
      const fields = raw !== null && typeof raw === "object" ? (raw as Readonly<Record<string, unknown>>) : {};
      const { [textColumn]: text, [labelColumn]: label } = fields;
      // Why a line is no record ends with what stands there, which would make every reason its own.
      if (unread !== "") yield { why: unread.split(":")[0] };
      else if (typeof text !== "string" || text.trim() === "") yield { why: `no \`${textColumn}\`` };
      else if (!["string", "number", "boolean"].includes(typeof label)) yield { why: `no \`${labelColumn}\`` };
      else {
        judgements++;
        yield { text, good: good.has(String(label)) };
      }
    }
    if (judgements === 0)
      throw new UserError({
        what: "this file holds no judgements",
        where: path,
        expected: `JSON lines with \`${textColumn}\` and \`${labelColumn}\``,
      });
  }
}
