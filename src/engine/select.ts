/** The only file that knows every engine: opens the one that was asked for, or the best that works here, and says why. */
import { availableParallelism } from "node:os";
import { messageOf, UserError } from "../base/errors.js";
import { type Architecture, PLAIN_LLAMA } from "../model/architecture.js";
import type { MemoryPart, Workload } from "../model/costs.js";
import { type Parameter, parameterTable } from "../model/parameters.js";
import type { Engine } from "./engine.js";
import { LOGIT_BYTES, type Recomputation } from "./native/activations.js";
import { openCpuDevice } from "./native/cpu/device.js";
import { attachedCard } from "./native/cuda/attached.js";
import type { CardMemory } from "./native/cuda/cards.js";
// Imported with this file and not when it is used: koffi takes settings before the first library only (`cuda/ffi/nvrtc.ts`).
import { openCudaDevice } from "./native/cuda/device.js";
import { placesFrom, type SearchPlaces } from "./native/cuda/ffi/libraries.js";
import { NativeEngine } from "./native/engine.js";
import { cpuFootprint, cudaFootprint } from "./native/footprint.js";
import {
  ANY_PRECISION,
  PRECISIONS,
  type PrecisionName,
  type PrecisionRequest,
  precisionsFor,
} from "./native/precision.js";
import type { MemoryMode } from "./native/recomputation.js";
import { type BackendKind, openBackend } from "./tfjs/backend.js";
import { TfjsEngine } from "./tfjs/engine.js";

/** An engine that can be asked for by name. */
export type EngineName = "native-cuda" | "native-cpu" | BackendKind;
export type EngineKind = "auto" | EngineName;

/** Best first: a graphics card, then the compiled kernels, then what runs without a compiler. */
export const ENGINE_NAMES: readonly EngineName[] = [
  "native-cuda",
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

/** Where a card's libraries may be. */
export type Places = SearchPlaces;

/** Which card, and where its libraries may be. */
export interface CardOptions {
  /** Counted from 0; by default the first. */
  readonly device?: number;
  /** By default only the usual places. */
  readonly places?: Places;
}

export interface EngineOptions extends CardOptions, Partial<PrecisionRequest> {
  readonly kind: EngineKind;
  readonly report?: Report;
  /** For the engines that plan their memory. */
  readonly recomputation?: Recomputation;
  /** What the optimizer would keep is left out where nothing is trained. */
  readonly purpose?: "training" | "evaluation";
}

/** What an engine is opened with. */
export interface EngineSettings extends CardOptions {
  readonly report: Report;
  readonly precision: PrecisionName;
  readonly recomputation?: Recomputation;
}

export type OpenEngine = (
  name: EngineName,
  architecture: Architecture,
  table: readonly Parameter[],
  settings: EngineSettings,
) => Promise<Engine>;

/** Opens one engine. @throws whatever keeps it from running here. */
export const openEngine: OpenEngine = async (name, architecture, table, settings) => {
  const { report, recomputation, device = 0, places = placesFrom({}) } = settings;
  const options = {
    ...{ name, precision: PRECISIONS[settings.precision] },
    ...(recomputation === undefined ? {} : { recomputation }),
  };
  switch (name) {
    case "native-cuda":
      return new NativeEngine(architecture, table, await openCudaDevice({ places, index: device, report }), {
        ...{ ...options, logitBytes: LOGIT_BYTES.card },
      });
    case "native-cpu":
      return new NativeEngine(architecture, table, await openCpuDevice({ report }), options);
    default:
      return new TfjsEngine(architecture, table, await openBackend(name));
  }
};

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
      const engine = await open(kind, architecture, table, settingsFor(kind, options));
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

/** @throws UserError when the engine has no such precision. */
function settingsFor(kind: EngineName, options: EngineOptions): EngineSettings {
  const { report = () => {}, recomputation, purpose = "training", device, places } = options;
  const [precision] = precisionsOf(kind, options);
  return {
    report,
    precision: purpose === "evaluation" && precision === "bf16" ? "bf16-lean" : precision,
    ...(recomputation === undefined ? {} : { recomputation }),
    ...(device === undefined ? {} : { device }),
    ...(places === undefined ? {} : { places }),
  };
}

function precisionsOf(kind: string, request: Partial<PrecisionRequest>) {
  return precisionsFor(kind, kind === "native-cuda", { ...ANY_PRECISION, ...request });
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
  ...PLAIN_LLAMA,
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

/** The card that an engine would compute on; null for engines that do not say. @throws UserError when there is none. */
export function cardOf(name: string, { device = 0, places = placesFrom({}) }: CardOptions): CardMemory | null {
  if (name !== "native-cuda") return null;
  try {
    return attachedCard(places, device);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const hint = "to plan a run for another machine's card, name it: `plan --card h100-80gb`";
    const what = `the engine ${name} cannot run here`;
    throw new UserError({ what, where: "engine.kind", got: reasonOf(error), hint }, { cause: error });
  }
}

/** What an engine's tables say before it computes. */
export interface PlannedFootprint {
  /** Precisions that it may choose from, best first. */
  readonly precisions: readonly [PrecisionName, ...PrecisionName[]];
  /** At the peak: of the card where it computes on one, else of the process beside what it holds now. */
  parts(mode: MemoryMode): readonly MemoryPart[];
  /** Of the process, where `parts` are of a card. */
  host(mode: MemoryMode): readonly MemoryPart[] | null;
}

/**
 * What a run takes on an engine, part by part; null for an engine that does not plan its memory, of which only the general formula of
 * `model/costs.ts` is known.
 * @param card where an engine computes on one.
 * @throws UserError when the engine has no such precision.
 */
export function plannedFootprint(
  name: string,
  workload: Workload,
  request: Partial<PrecisionRequest> = {},
  card: CardMemory | null = null,
): PlannedFootprint | null {
  if (name === "native-cuda") {
    if (card === null) throw new Error("a card's memory is planned for a card");
    const parts = (mode: MemoryMode) => cudaFootprint(workload, mode, card).card;
    const host = (mode: MemoryMode) => cudaFootprint(workload, mode, card).host;
    return { precisions: precisionsOf(name, request), parts, host };
  }
  const precisions = precisionsOf(name, request);
  if (name !== "native-cpu") return null;
  const threads = availableParallelism();
  const parts = ({ recomputation }: MemoryMode) => cpuFootprint(workload, recomputation, { threads });
  return { precisions, parts, host: () => null };
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
