/** PyTorch's side: `scripts/torch-peer.py` in a process of its own, and what it prints. */
import { fileURLToPath } from "node:url";
import { messageOf, systemCode, UserError } from "../base/errors.js";
import { WARM_UP } from "./measure.js";
import { type Ended, lastWords, runProcess } from "./process.js";
import type { BenchShape } from "./shape.js";

export type TorchModeName = "eager" | "compile";

/** The same place seen from `src/bench` and from `dist/bench`. */
const SCRIPT = fileURLToPath(new URL("../../scripts/torch-peer.py", import.meta.url));

/** Of the peer's line, what is used here. */
export interface PeerResult {
  readonly peer: string;
  readonly device: string;
  readonly threads: number;
  readonly msPerStep: number;
  readonly parameters: number;
}

export interface Peer {
  /** The interpreter. */
  readonly python: string;
  readonly shape: BenchShape;
  /** Timed steps. */
  readonly steps: number;
}

/** @throws UserError when the interpreter or PyTorch is missing, or the shape is not one that the peer knows. */
export async function checkPeer({ python, shape }: Peer, onTick: (seconds: number) => void): Promise<void> {
  const { slidingWindow } = shape.architecture;
  if (slidingWindow !== null && slidingWindow < shape.length)
    throw new UserError({
      what: "PyTorch's side has no sliding window",
      where: "model.slidingWindow",
      hint: "compare with --set model.slidingWindow=",
    });
  await run(python, ["--probe"], onTick);
}

/** Times one process of the peer. @throws UserError when it fails. */
export async function runPeer(
  { python, shape, steps }: Peer,
  mode: TorchModeName,
  onTick: (seconds: number) => void,
): Promise<PeerResult> {
  return peerResult(await run(python, peerArguments(shape, steps, mode), onTick));
}

/** The peer's options for a shape. */
export function peerArguments(shape: BenchShape, steps: number, mode: TorchModeName): string[] {
  const { architecture: a, rows, length, accumulate } = shape;
  const options = {
    ...{ width: a.width, layers: a.layers, heads: a.heads, "kv-heads": a.kvHeads, "head-width": a.headWidth },
    ...{
      ff: a.feedForward,
      vocab: a.vocabulary,
      batch: rows,
      seq: length,
      accumulate,
      steps,
      "warm-up": WARM_UP,
      mode,
    },
  };
  const flags = [
    ...(a.tied ? ["--tie"] : []),
    ...(a.qkvBias ? ["--qkv-bias"] : []),
    ...(a.qkNorm ? ["--qk-norm"] : []),
  ];
  return [...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]), ...flags];
}

async function run(python: string, args: readonly string[], onTick: (seconds: number) => void): Promise<string> {
  let ended: Ended;
  try {
    ended = await runProcess([python, SCRIPT, ...args], onTick);
  } catch (error) {
    throw new UserError(
      {
        what: "this Python interpreter cannot be started",
        where: python,
        got: systemCode(error) === "ENOENT" ? "there is no such program" : messageOf(error),
        hint: "name one that has PyTorch with --python or HEPHAESTUS_PYTHON",
      },
      { cause: error },
    );
  }
  if (ended.code === 0) return ended.stdout;
  const missing = /No module named '?torch/.test(ended.stderr);
  throw new UserError({
    what: missing ? "this Python interpreter has no PyTorch" : "PyTorch's side failed",
    where: python,
    ...(missing ? {} : { got: lastWords(ended) }),
    hint: missing
      ? `install it (${python} -m pip install torch) or name another interpreter with --python or HEPHAESTUS_PYTHON`
      : "torch.compile needs a C++ compiler, and both need memory; try --compare-torch eager or a smaller shape",
  });
}

/** @throws UserError when the last line is not the peer's. */
export function peerResult(stdout: string): PeerResult {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  const fields = parsed(line);
  const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : refuse(line, name));
  const count = (name: string): number => {
    const value = fields[name];
    return typeof value === "number" && value > 0 && Number.isFinite(value) ? value : refuse(line, name);
  };
  return {
    peer: text("peer"),
    device: text("device"),
    threads: count("threads"),
    msPerStep: count("ms_per_step"),
    parameters: count("params"),
  };
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function refuse(line: string, name: string): never {
  throw new UserError({
    what: "PyTorch's side printed something else than its result",
    where: SCRIPT,
    expected: `a JSON object with ${name} in the last line`,
    got: line.slice(0, 200),
  });
}
