/** The only file that knows every engine: opens the one that was asked for, or the best that works here, and says why. */
import { messageOf, UserError } from "../base/errors.js";
import type { Architecture } from "../model/architecture.js";
import { type Parameter, parameterTable } from "../model/parameters.js";
import type { Engine } from "./engine.js";
import { BACKEND_KINDS, type BackendKind, openBackend } from "./tfjs/backend.js";
import { TfjsEngine } from "./tfjs/engine.js";

export type EngineKind = "auto" | BackendKind;

/** What a plan may ask for, best first after `auto`. */
export const ENGINE_KINDS: readonly EngineKind[] = ["auto", ...BACKEND_KINDS];

export interface SelectedEngine {
  readonly engine: Engine;
  /** One sentence or more: which engine runs, and why each better one does not. */
  readonly why: string;
}

/**
 * Opens an engine; its weights are still to be loaded.
 * @param table the parameter table where the caller has one already.
 * @param open how a backend is had; tests make some of them fail.
 * @throws UserError when the engine asked for cannot run here; `auto` falls back to the next instead.
 */
export async function createEngine(
  architecture: Architecture,
  table: readonly Parameter[] = parameterTable(architecture),
  options: { readonly kind: EngineKind } = { kind: "auto" },
  open: typeof openBackend = openBackend,
): Promise<SelectedEngine> {
  const candidates = options.kind === "auto" ? BACKEND_KINDS : [options.kind];
  const refusals: { readonly kind: BackendKind; readonly reason: string }[] = [];
  for (const kind of candidates) {
    try {
      const engine = new TfjsEngine(architecture, table, await open(kind));
      return { engine, why: explain(engine, options.kind, refusals) };
    } catch (error) {
      refusals.push({ kind, reason: firstLine(messageOf(error)) });
    }
  }
  throw new UserError(
    refusals.map(({ kind, reason }) => ({
      what: `the engine ${kind} cannot run here`,
      where: "engine.kind",
      got: reason,
      hint: "use `engine: { kind: auto }`, which takes the best engine that works",
    })),
  );
}

function explain(engine: Engine, asked: EngineKind, refusals: readonly { kind: string; reason: string }[]): string {
  const { name, device } = engine.describe();
  const chosen = `${name} (${device}): ${asked === "auto" ? "the best engine that works here" : "as asked for"}`;
  return [chosen, ...refusals.map(({ kind, reason }) => `not ${kind}: ${reason}`)].join("; ");
}

function firstLine(text: string): string {
  return (text.split("\n", 1)[0] as string).trim().replace(/\.$/, "");
}
