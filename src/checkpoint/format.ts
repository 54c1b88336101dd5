/**
 * What a checkpoint folder holds, its file names and the trainer's state. The folder is a Hugging Face folder (`config.json`,
 * `model.safetensors`) with `optimizer.safetensors`, `trainer.json` and `manifest.json` beside.
 */
import { UserError } from "../base/errors.js";
import type { EngineTensor, OutgoingTensor } from "../engine/engine.js";
import { isObject, type JsonObject } from "./json.js";

export const CONFIG_FILE = "config.json";
export const WEIGHTS_FILE = "model.safetensors";
export const MOMENTS_FILE = "optimizer.safetensors";
export const TRAINER_FILE = "trainer.json";
export const MANIFEST_FILE = "manifest.json";

/** Files that every checkpoint has, besides the manifest that lists them. */
export const REQUIRED_FILES = [CONFIG_FILE, WEIGHTS_FILE, MOMENTS_FILE, TRAINER_FILE] as const;

/** Version of `trainer.json` and `manifest.json` that this program writes and reads. */
export const FORMAT = 1;

/** Everything a run needs besides tensors to go on as if it had never stopped. */
export interface TrainerState {
  readonly format: typeof FORMAT;
  /** Steps completed, which is the number of the next step to run. */
  readonly step: number;
  /** AdamW updates applied; the moments' bias correction goes on from here. */
  readonly updates: number;
  /** Name of the stage of the next step; null when the run is complete. */
  readonly stage: string | null;
  /** Tokens consumed and epoch of every domain: a value of `data/ledger.ts`. */
  readonly ledger: unknown;
  /** The resolved plan: a value of `config/plan.ts`. */
  readonly plan: unknown;
  /** Where the plan's order of data starts from, when it continues another run; else null. */
  readonly startLedger: unknown;
  /** A value of `model/architecture.ts`. */
  readonly architecture: unknown;
  /** A resumed run must find the same data in the same order. */
  readonly fingerprints: {
    readonly order: string;
    readonly tokenizer: string;
    readonly domains: Readonly<Record<string, string>>;
  };
  /** Evaluations so far, in order; the first, of step 0, is what forgetting is measured against. */
  readonly evaluations: unknown;
  /** The model whose weights the run began with; null: none. */
  readonly base: { readonly folder: string; readonly fingerprint: string } | null;
  /** Versions of this program, Node.js and the engine. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A tensor in memory, or one whose values are asked for once, when those of the tensors before it are written. */
export type SavedTensor = EngineTensor | OutgoingTensor;

/** What `saveCheckpoint` writes. Nothing in it may change while it is written. */
export interface CheckpointContent {
  /** Equal to `trainer.step`. */
  readonly step: number;
  /** Hugging Face's `config.json`. */
  readonly config: JsonObject;
  readonly weights: readonly SavedTensor[];
  /** `moment1` and `moment2` tensors under their weights' names. Their values are asked for after the weights'. */
  readonly moments: readonly SavedTensor[];
  readonly trainer: TrainerState;
  /** File name in the checkpoint → path to copy from, such as `tokenizer.json`. */
  readonly attachments: Readonly<Record<string, string>>;
}

/** Name of the folder of a step: `step-00000100`. */
export function stepFolderName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

/** The step of a checkpoint folder's name; null when it is not one. */
export function stepOfFolderName(name: string): number | null {
  const digits = /^step-(\d{8,15})$/.exec(name)?.[1];
  const step = Number(digits);
  return digits !== undefined && stepFolderName(step) === name ? step : null;
}

/** Whether a name can stand in a manifest: a plain file name, so that no manifest can point outside its folder. */
export function isFileName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(name);
}

/**
 * Reads a trainer state out of parsed JSON. @throws UserError naming `where` and everything that does not fit.
 */
export function parseTrainerState(value: JsonObject, where: string): TrainerState {
  const { format, step, updates, stage, fingerprints, versions, base, ...rest } = value;
  const { ledger, startLedger, plan, architecture, evaluations } = rest;
  if (format !== FORMAT)
    throw new UserError({
      what: "this checkpoint is of a format that this version does not read",
      where,
      expected: String(FORMAT),
      got: JSON.stringify(format) ?? "none",
      hint: "use the version that wrote it",
    });
  const valid =
    isCount(step) &&
    isCount(updates) &&
    (stage === null || typeof stage === "string") &&
    isFingerprints(fingerprints) &&
    isBase(base) &&
    isTexts(versions);
  const missing = STATE_KEYS.filter((key) => value[key] === undefined);
  if (!valid || missing.length > 0)
    throw new UserError({
      what: missing.length > 0 ? `this trainer state lacks ${missing.join(", ")}` : "this trainer state is malformed",
      where,
      hint: "its hash is the one in the manifest, so it was written this way: by another program?",
    });
  const open = { ledger, startLedger, plan, architecture, evaluations };
  return { format, step, updates, stage, fingerprints, versions, base, ...open };
}

const STATE_KEYS = [
  ...(["step", "updates", "stage", "fingerprints", "versions"] as const),
  ...(["ledger", "startLedger", "plan", "architecture", "evaluations", "base"] as const),
];

function isBase(value: unknown): value is TrainerState["base"] {
  return (
    value === null || (isObject(value) && typeof value.folder === "string" && typeof value.fingerprint === "string")
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((item) => typeof item === "string");
}

function isFingerprints(value: unknown): value is TrainerState["fingerprints"] {
  return (
    isObject(value) && typeof value.order === "string" && typeof value.tokenizer === "string" && isTexts(value.domains)
  );
}
