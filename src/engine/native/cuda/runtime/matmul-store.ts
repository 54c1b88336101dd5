/**
 * Algorithms that were chosen before, on disk: without this file two runs could time them differently and round differently.
 *
 * The first that was written stays: of several processes that measure at once all keep one choice. A damaged file is reported and
 * replaced; the card and the library's version are part of every name, since an algorithm means nothing to another version.
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf, systemCode } from "../../../../base/errors.js";
import { writeFileAtomic } from "../../../../base/files.js";
import { fingerprintOf } from "../../../../base/fingerprint.js";
import type { Card } from "./card.js";

export const PLAN_FILE = join(homedir(), ".cache", "hephaestus", "cuda", "matmul-plans.json");
const FORMAT = 1;

/** A remembered algorithm; `milliseconds` of one run, or null where it could not be measured. */
export interface StoredChoice {
  /** `cublasLtMatmulAlgo_t` in hexadecimal. */
  readonly algorithm: string;
  readonly milliseconds: number | null;
}

type Choices = Readonly<Record<string, StoredChoice>>;

/** Name of a choice in the file. */
export function storedName(card: Card, version: number, key: string): string {
  const { name, computeCapability, multiprocessors } = card;
  return `${name} sm_${computeCapability.join("")} ${multiprocessors} multiprocessors, cuBLASLt ${version}: ${key}`;
}

export class MatmulStore {
  private choices: Choices | null = null;

  constructor(
    readonly path: string,
    private readonly report: (line: string) => void,
  ) {}

  async find(name: string): Promise<StoredChoice | null> {
    this.choices ??= await this.read();
    return Object.hasOwn(this.choices, name) ? this.choices[name] : null;
  }

  /**
   * Adds choices and gives what the file holds for their names now: another process may have been first. `refused` are names whose
   * remembered algorithm cannot run; those are replaced.
   */
  async add(
    added: ReadonlyMap<string, StoredChoice>,
    refused: ReadonlySet<string> = new Set(),
  ): Promise<ReadonlyMap<string, StoredChoice>> {
    const earlier = Object.entries(await this.read()).filter(([name]) => !refused.has(name));
    const choices = { ...Object.fromEntries(added), ...Object.fromEntries(earlier) };
    this.choices = choices;
    const content = { format: FORMAT, fingerprint: fingerprintOf(choices), choices };
    try {
      await writeFileAtomic(this.path, `${JSON.stringify(content, null, 1)}\n`);
    } catch (error) {
      this.report(
        `the algorithms of products are not remembered, so the next run may round differently: ${messageOf(error)}`,
      );
    }
    return new Map([...added.keys()].map((name) => [name, choices[name]]));
  }

  private async read(): Promise<Choices> {
    try {
      return parseChoices(await readFile(this.path, "utf8"));
    } catch (error) {
      if (systemCode(error) !== "ENOENT")
        this.report(`${this.path} is damaged and will be written again, after measuring: ${messageOf(error)}`);
      return {};
    }
  }
}

/** @throws Error that says what is wrong. */
function parseChoices(text: string): Choices {
  const content: unknown = JSON.parse(text);
  if (!isRecord(content) || content.format !== FORMAT || !isRecord(content.choices))
    throw new Error(`not a file of format ${FORMAT}`);
  if (fingerprintOf(content.choices) !== content.fingerprint) throw new Error("its fingerprint does not match");
  return Object.fromEntries(Object.entries(content.choices).map(([name, value]) => [name, checked(name, value)]));
}

function checked(name: string, value: unknown): StoredChoice {
  if (isRecord(value)) {
    const { algorithm, milliseconds } = value;
    const timed = milliseconds === null || (typeof milliseconds === "number" && milliseconds >= 0);
    if (typeof algorithm === "string" && /^([0-9a-f]{2})+$/.test(algorithm) && timed)
      return { algorithm, milliseconds };
  }
  throw new Error(`no algorithm of ${name}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
