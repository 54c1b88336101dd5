/** The only file that knows every engine: opens the one that was asked for, or the best that works here, and says why. */
import { availableParallelism } from "node:os";
import { messageOf, UserError } from "../base/errors.js";
import type { Architecture } from "../model/architecture.js";
import type { MemoryPart, Workload } from "../model/costs.js";
import { type Parameter, parameterTable } from "../model/parameters.js";
import type { Engine } from "./engine.js";
import type { Recomputation } from "./native/activations.js";
import { openCpuDevice } from "./native/cpu/device.js";
import { NativeEngine } from "./native/engine.js";
import { cpuFootprint } from "./native/footprint.js";
import { type BackendKind, openBackend } from "./tfjs/backend.js";
import { TfjsEngine } from "./tfjs/engine.js";

/** An engine that can be asked for by name. */
export type EngineName = "native-cpu" | BackendKind;
export type EngineKind = "auto" | EngineName;

/** Best first: a graphics card, then the compiled kernels, then what runs without a compiler. */
export const ENGINE_NAMES: readonly EngineName[] = [
  "tfjs-node-gpu",
  "native-cpu",
  "tfjs-node",
  "tfjs-wasm",
  "tfjs-cpu",
];

/** What a plan may ask for, best first after `auto`. */
export const ENGINE_KINDS: readonly EngineKind[] = ["auto", ...ENGINE_NAMES];

export interface SelectedEngine {
  readonly engine: Engine;
  /** One sentence or more: which engine runs, and why each better one does not. */
  readonly why: string;
}

/** Takes a line about what takes a while, such as the first compilation of the kernels. */
export type Report = (line: string) => void;

export interface EngineOptions {
  readonly kind: EngineKind;
  readonly report?: Report;
  /** For the engines that plan their memory. */
  readonly recomputation?: Recomputation;
}

export type OpenEngine = (
  name: EngineName,
  architecture: Architecture,
  table: readonly Parameter[],
  report: Report,
  recomputation?: Recomputation,
) => Promise<Engine>;

/** Opens one engine. @throws whatever keeps it from running here. */
export const openEngine: OpenEngine = async (name, architecture, table, report, recomputation) =>
  name === "native-cpu"
    ? new NativeEngine(architecture, table, await openCpuDevice({ report }), {
        name,
        ...(recomputation === undefined ? {} : { recomputation }),
      })
    : new TfjsEngine(architecture, table, await openBackend(name));

/**
 * Opens an engine; its weights are still to be loaded.
 * @param table the parameter table where the caller has one already.
 * @param open how an engine is had; tests make some of them fail.
 * @throws UserError when the engine asked for cannot run here; `auto` falls back to the next instead.
 */
export async function createEngine(
  architecture: Architecture,
  table: readonly Parameter[] = parameterTable(architecture),
  options: EngineOptions = { kind: "auto" },
  open: OpenEngine = openEngine,
): Promise<SelectedEngine> {
  const candidates = options.kind === "auto" ? ENGINE_NAMES : [options.kind];
  const refusals: Refusal[] = [];
  for (const kind of candidates) {
    try {
      const engine = await open(kind, architecture, table, options.report ?? (() => {}), options.recomputation);
      return { engine, why: explain(engine, options.kind, refusals) };
    } catch (error) {
      refusals.push({ kind, error });
    }
  }
  throw new UserError(
    refusals.map(({ kind, error }) => ({
      what: `the engine ${kind} cannot run here`,
      where: "engine.kind",
      got: reasonOf(error),
      hint: "use `engine: { kind: auto }`, which takes the best engine that works",
    })),
  );
}

/** A decoder that costs nothing, to see which engine runs. */
const STAND_IN: Architecture = {
  ...{
    vocabulary: 8,
    width: 8,
    layers: 1,
    heads: 1,
    kvHeads: 1,
    headWidth: 8,
    feedForward: 8,
    maxLength: 8,
    tied: true,
  },
  ...{ ropeTheta: 10_000, ropeScaling: null, normEpsilon: 1e-5, qkvBias: false, qkNorm: false, slidingWindow: null },
};

/** The engine that `createEngine` would open, whatever the model. @throws UserError as it does. */
export async function engineThatRuns(options: EngineOptions, open: OpenEngine = openEngine): Promise<EngineName> {
  if (options.kind !== "auto") return options.kind;
  using engine = (await createEngine(STAND_IN, undefined, options, open)).engine;
  const { name } = engine.describe();
  const known = ENGINE_NAMES.find((each) => each === name);
  if (known === undefined) throw new Error(`${name} is not one of ${ENGINE_NAMES.join(", ")}`);
  return known;
}

/**
 * What a process will hold at its peak beside what it holds now, part by part; null for an engine that does not plan its memory, of
 * which only the general formula of `model/costs.ts` is known.
 */
export function plannedParts(
  name: string,
  workload: Workload,
): ((recomputation: Recomputation) => readonly MemoryPart[]) | null {
  if (name !== "native-cpu") return null;
  return (recomputation) => cpuFootprint(workload, recomputation, { threads: availableParallelism() });
}

interface Refusal {
  readonly kind: EngineName;
  readonly error: unknown;
}

function explain(engine: Engine, asked: EngineKind, refusals: readonly Refusal[]): string {
  const { name, device } = engine.describe();
  const chosen = `${name} (${device}): ${asked === "auto" ? "the best engine that works here" : "as asked for"}`;
  return [chosen, ...refusals.map(({ kind, error }) => `not ${kind}: ${reasonOf(error)}`)].join("; ");
}

/** In one line: what is wrong and how to put it right, where that is known. */
function reasonOf(error: unknown): string {
  if (!(error instanceof UserError)) return firstLine(messageOf(error));
  const [{ what, hint }] = error.problems;
  return hint === undefined ? what : `${what} (${firstLine(hint)})`;
}

function firstLine(text: string): string {
  return (text.split("\n", 1)[0] as string).trim().replace(/\.$/, "");
}
