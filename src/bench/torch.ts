/** PyTorch's side: `scripts/torch-peer.py` in a process of its own, and what it prints. */
import { fileURLToPath } from "node:url";
import { messageOf, systemCode, UserError } from "../base/errors.js";
import { WARM_UP, WARM_UP_SHARE } from "./measure.js";
import { type Ended, lastWords, runProcess } from "./process.js";
import type { BenchReport } from "./report.js";
import type { BenchShape } from "./shape.js";

export type TorchModeName = "eager" | "compile";

/**
 * What PyTorch keeps its numbers in, as `scripts/torch-peer.py` has it: `amp` is float32 weights with bf16 products by autocast, `master`
 * bf16 weights beside float32 ones that AdamW updates, `bf16` everything in bf16.
 */
export const TORCH_DTYPES = ["fp32", "amp", "master", "bf16"] as const;
export type TorchDtype = (typeof TORCH_DTYPES)[number];

/** Where PyTorch computes, and in what. */
export interface TorchTarget {
  readonly device: "cpu" | "cuda";
  readonly dtype: TorchDtype;
}

/** The same place seen from `src/bench` and from `dist/bench`. */
const SCRIPT = fileURLToPath(new URL("../../scripts/torch-peer.py", import.meta.url));

/** Of the peer's line, what is used here. */
export interface PeerResult {
  readonly peer: string;
  readonly device: string;
  readonly threads: number;
  readonly msPerStep: number;
  readonly parameters: number;
  /** Null where nobody knows it. */
  readonly peakBytes: number | null;
}

export interface Peer {
  /** The interpreter. */
  readonly python: string;
  readonly shape: BenchShape;
  /** Timed steps, fewer when they take longer than `limitMs`; by default without limit. */
  readonly steps: number;
  readonly limitMs?: number;
  /** Null: what our side computes in. */
  readonly dtype?: TorchDtype | null;
}

/** On a card when our side is, with as much memory for weights and moments, unless the user says otherwise. */
export function torchTarget({ engine, mode, memory }: BenchReport, dtype: TorchDtype | null = null): TorchTarget {
  const ours = engine.precision === "fp32" ? "fp32" : mode === "bf16-lean" ? "bf16" : "master";
  return { device: memory.device === null ? "cpu" : "cuda", dtype: dtype ?? ours };
}

const CPU: TorchTarget = { device: "cpu", dtype: "fp32" };

/** @throws UserError when the interpreter or PyTorch is missing, or the shape is not one that the peer knows. */
export async function checkPeer({ python, shape }: Peer, onTick: (seconds: number) => void): Promise<void> {
  const { slidingWindow, nopeLayers } = shape.architecture;
  if (nopeLayers.length > 0)
    throw new UserError({
      what: "PyTorch's side has RoPE in every layer",
      where: "model.rope.nopeInterval",
      hint: "compare with --set model.rope.nopeInterval=",
    });
  if (slidingWindow !== null && slidingWindow < shape.length)
    throw new UserError({
      what: "PyTorch's side has no sliding window",
      where: "model.slidingWindow",
      hint: "compare with --set model.slidingWindow=",
    });
  await runTorch(python, ["--probe"], onTick);
}

/** Times one process of the peer. @throws UserError when it fails. */
export async function runPeer(
  peer: Peer,
  mode: TorchModeName,
  onTick: (seconds: number) => void,
  target: TorchTarget = CPU,
): Promise<PeerResult> {
  return peerResult(await runTorch(peer.python, peerArguments(peer, mode, target), onTick));
}

/** The peer's options for a shape. */
export function peerArguments(
  { shape, steps, limitMs }: Peer,
  mode: TorchModeName,
  target: TorchTarget = CPU,
): string[] {
  const limits = {
    ...{ steps, "warm-up": WARM_UP },
    ...(limitMs === undefined ? {} : { "limit-ms": limitMs, "warm-up-limit-ms": Math.round(WARM_UP_SHARE * limitMs) }),
  };
  return optionsOf(shape, { ...limits, mode, ...target });
}

/** A shape and other options, as the script takes them. */
export function optionsOf(
  { architecture: a, rows, length, accumulate }: BenchShape,
  others: Readonly<Record<string, string | number>>,
): string[] {
  const options = {
    ...{ width: a.width, layers: a.layers, heads: a.heads, "kv-heads": a.kvHeads, "head-width": a.headWidth },
    ...{ ff: a.feedForward, vocab: a.vocabulary, "rope-theta": a.ropeTheta, "norm-epsilon": a.normEpsilon },
    ...{ batch: rows, seq: length, accumulate, ...others },
  };
  const flags = [
    ...(a.tied ? ["--tie"] : []),
    ...(a.qkvBias ? ["--qkv-bias"] : []),
    ...(a.qkNorm ? ["--qk-norm"] : []),
  ];
  return [...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]), ...flags];
}

/** Runs the script and gives what it printed. @throws UserError when it fails. */
export async function runTorch(
  python: string,
  args: readonly string[],
  onTick: (seconds: number) => void,
): Promise<string> {
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
  const { line, fields } = lastLine(stdout);
  const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : refuse(line, name));
  const count = (name: string): number => {
    const value = fields[name];
    return typeof value === "number" && value > 0 && Number.isFinite(value) ? value : refuse(line, name);
  };
  return {
    // Such as `pytorch 2.11.0 master`.
    peer: [text("peer"), ...(typeof fields["dtype"] === "string" ? [fields["dtype"]] : [])].join(" "),
    device: text("device"),
    threads: count("threads"),
    msPerStep: count("ms_per_step"),
    parameters: count("params"),
    peakBytes: typeof fields["peak_bytes"] === "number" ? fields["peak_bytes"] : null,
  };
}

/** Losses of a curve's steps, NaN where a loss is no number. @throws UserError as `peerResult`. */
export function peerLosses(stdout: string): number[] {
  const { line, fields } = lastLine(stdout);
  const losses = fields["losses"];
  if (!Array.isArray(losses)) return refuse(line, "losses");
  return losses.map((loss) => (typeof loss === "number" ? loss : Number.NaN));
}

function lastLine(stdout: string) {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  return { line, fields: parsed(line) };
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
