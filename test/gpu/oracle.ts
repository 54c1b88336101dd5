/** Asks `oracle.py` how far results are from float64: one process of PyTorch for a whole test file, one line for each question. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("./oracle.py", import.meta.url));
const PYTHON = process.env["HEPHAESTUS_PYTHON"] ?? "python3";

/** Why PyTorch cannot be asked, or null. */
export function oracleMissing(): string | null {
  const { status } = spawnSync(PYTHON, ["-c", "import torch, numpy"], { encoding: "utf8" });
  return status === 0 ? null : `${PYTHON} has no PyTorch (set HEPHAESTUS_PYTHON)`;
}

export interface Question {
  readonly op: string;
  readonly storage: "f32" | "bf16";
  readonly sizes: Readonly<Record<string, number | boolean | null>>;
  readonly inputs: Readonly<
    Record<string, { readonly file: string; readonly shape: readonly number[]; readonly dtype: string }>
  >;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Distances from the float64 result, in its length; null where one is not a number. */
export interface Distance {
  readonly error: number | null;
  readonly plain: number | null;
}

export class Oracle implements Disposable {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: { readonly resolve: (line: string) => void; readonly reject: (error: Error) => void }[] = [];
  readonly #ready: Promise<string>;

  constructor() {
    this.#process = spawn(PYTHON, [SCRIPT], { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#process.stdout === null) throw new Error("the oracle has no output");
    this.#lines = createInterface(this.#process.stdout);
    this.#lines.on("line", (line) => this.#waiting.shift()?.resolve(line));
    this.#process.on("exit", (code) => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`the oracle ended with ${code}`));
    });
    this.#ready = this.#next();
  }

  /** Which PyTorch answers, and on what. */
  async describe(): Promise<string> {
    const { oracle, device } = JSON.parse(await this.#ready) as { readonly oracle: string; readonly device: string };
    return `${oracle} on ${device}`;
  }

  /** One question at a time. @throws Error with what the oracle says when it fails. */
  async ask(question: Question): Promise<Readonly<Record<string, Distance>>> {
    await this.#ready;
    this.#process.stdin?.write(`${JSON.stringify(question)}\n`);
    const reply = JSON.parse(await this.#next()) as {
      readonly results?: Record<string, Distance>;
      readonly failure?: string;
    };
    if (reply.results === undefined) throw new Error(`the oracle failed: ${reply.failure}`);
    return reply.results;
  }

  /** @throws Error when the process ends first. */
  #next(): Promise<string> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  [Symbol.dispose](): void {
    this.#lines.close();
    this.#process.kill();
  }
}
