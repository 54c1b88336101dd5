/** Plans for tests: a small valid one, and what loading a text says. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.js";
import { loadPlan } from "../../src/config/load.js";
import type { Plan } from "../../src/config/plan.js";

/** One key a line, so that a test can name a line. */
export const SMALL = `run: small
data:
  tokenizer: { file: tokenizer.json }
  domains:
    agent: { shards: shards/agent, heldOutShards: shards/agent-held-out }
    text: { documents: text.jsonl }
model:
  width: 64
  layers: 2
  heads: 4
  feedForward: 128
stages:
  - steps: 100
    sequenceLength: 32
    tokensPerStep: 256
    mixture: { agent: 1, text: 3 }
    schedule: { kind: constant, peak: 1e-3 }
`;

/** A text with one piece replaced. The piece must be there. */
export function changed(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`the text has no ${from}`);
  return text.replace(from, () => to);
}

/** Loads a text from a file called `plan.yaml`, with `/root` as the project's folder. */
export async function loadText(text: string | Uint8Array, overrides: readonly string[] = []): Promise<Plan> {
  const folder = await mkdtemp(join(tmpdir(), "plan-"));
  const path = join(folder, "plan.yaml");
  try {
    await writeFile(path, text);
    return (await loadPlan(path, overrides, { root: "/root" })).plan;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const problems = error.problems.map((each) => ({
      ...each,
      where: each.where?.replaceAll(path, "plan.yaml") ?? "",
    }));
    throw new UserError(problems);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The whole message of a plan that must not load. */
export async function complaint(text: string | Uint8Array, overrides: readonly string[] = []): Promise<string> {
  try {
    await loadText(text, overrides);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  throw new Error("the plan loaded");
}
