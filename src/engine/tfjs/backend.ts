/**
 * The four places tfjs can compute. Loading one registers it with tfjs's global engine; it stays registered for the life of the process.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { messageOf, systemCode } from "../../base/errors.js";
import { registerGradients } from "./gradients.js";
import { installSharedIdentity } from "./wasm-identity.js";
import { installFastMatMul } from "./wasm-matmul.js";

export type BackendKind = "tfjs-node-gpu" | "tfjs-node" | "tfjs-wasm" | "tfjs-cpu";

export interface Backend {
  readonly kind: BackendKind;
  /** In words, for the log. */
  readonly device: string;
  /** Whether the same operations give the same bits every time. */
  readonly deterministic: boolean;
  /** Makes this backend the one that tfjs operations run on. Call at the start of every synchronous stretch of them. */
  use(): void;
}

const require = createRequire(import.meta.url);
const opened = new Map<BackendKind, Promise<Backend>>();

/**
 * Loads a backend, once per process.
 * @throws Error that says why it cannot be had (package not installed, library missing, no GPU).
 */
export function openBackend(kind: BackendKind): Promise<Backend> {
  const known = opened.get(kind);
  if (known !== undefined) return known;
  const fresh = load(kind);
  opened.set(kind, fresh);
  return fresh;
}

async function load(kind: BackendKind): Promise<Backend> {
  tf.enableProdMode();
  switch (kind) {
    case "tfjs-node-gpu":
      return loadTensorFlow(kind, "@tensorflow/tfjs-node-gpu");
    case "tfjs-node":
      return loadTensorFlow(kind, "@tensorflow/tfjs-node");
    case "tfjs-wasm":
      return loadWasm();
    case "tfjs-cpu":
      await import("@tensorflow/tfjs-backend-cpu");
      return ready(kind, "cpu", "CPU, plain JavaScript");
  }
}

async function loadWasm(): Promise<Backend> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm"))}/`);
  installFastMatMul();
  installSharedIdentity();
  return withoutNewListeners(() => ready("tfjs-wasm", "wasm", "CPU, WebAssembly with SIMD, one thread"));
}

/**
 * Both packages register the name `tensorflow`, so a process holds one of them. The GPU package on a machine without a usable GPU
 * computes on the CPU, so it then serves as `tfjs-node`.
 */
async function loadTensorFlow(kind: "tfjs-node-gpu" | "tfjs-node", packageName: string): Promise<Backend> {
  if (tf.findBackendFactory("tensorflow") === null) {
    restoreRemovedUtil();
    try {
      require(packageName);
    } catch (error) {
      throw new Error(whyNotLoaded(error), { cause: error });
    }
  }
  const backend: unknown = tf.findBackend("tensorflow");
  const version = String(readPath(backend, ["binding", "TF_Version"]) ?? "of unknown version");
  const usesGpu = readPath(backend, ["isUsingGpuDevice"]) === true;
  if (kind === "tfjs-node-gpu" && !usesGpu) throw new Error("TensorFlow loaded but found no usable GPU");
  if (kind === "tfjs-node" && usesGpu) throw new Error("this process already holds the GPU package");
  return ready(kind, "tensorflow", `${usesGpu ? "GPU" : "CPU"}, TensorFlow ${version}`);
}

/** The usual reasons in a few words; the packages' own messages name paths and old instructions. */
function whyNotLoaded(error: unknown): string {
  const message = messageOf(error);
  if (systemCode(error) === "MODULE_NOT_FOUND" && message.includes("@tensorflow/"))
    return `not installed (${LINK_HINT})`;
  if (message.includes("native addon module")) return `its native addon is not built (${LINK_HINT})`;
  return message;
}

const LINK_HINT = "scripts/link-tensorflow.sh does it";

function readPath(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (at !== null && typeof at === "object" ? Reflect.get(at, key) : undefined),
    value,
  );
}

/** tfjs-node 4.22 still calls functions of `node:util` that Node 23 removed. */
function restoreRemovedUtil(): void {
  const util = require("node:util") as Record<string, unknown>;
  util["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  util["isArray"] ??= Array.isArray;
}

async function ready(kind: BackendKind, name: string, device: string): Promise<Backend> {
  registerGradients();
  if (!(await tf.setBackend(name))) throw new Error(`tfjs could not start its ${name} backend`);
  const use = (): void => {
    // A backend that has been started is switched to before `setBackend` first yields, so there is nothing to await.
    if (tf.getBackend() !== name) void tf.setBackend(name);
  };
  return { kind, device, deterministic: kind !== "tfjs-node-gpu", use };
}

/** The wasm module installs process-wide handlers that rethrow every error with its own source as the context; they are taken off. */
async function withoutNewListeners<R>(work: () => Promise<R>): Promise<R> {
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set<unknown>(process.listeners(event as "uncaughtException")));
  try {
    return await work();
  } finally {
    events.forEach((event, index) => {
      for (const listener of process.listeners(event as "uncaughtException"))
        if (!before[index]?.has(listener)) process.removeListener(event, listener);
    });
  }
}
