/** The weights that a run begins with, of somebody else's model or of one of our checkpoints, with rows for the tokens that the plan adds. */
import { type Problem, UserError } from "../base/errors.js";
import { type OpenWeights, openWeights } from "../checkpoint/load.js";
import type { Plan } from "../config/plan.js";
import { loadTokenizer } from "../data/tokenizer/tokenizer.js";
import type { TensorSource } from "../engine/engine.js";
import type { Architecture } from "../model/architecture.js";
import { withNewRows } from "./new-rows.js";
import { checkSameArchitecture } from "./same-plan.js";

export interface BaseWeights {
  readonly folder: string;
  readonly fingerprint: string;
  readonly tensors: Iterable<TensorSource>;
  /** What the folder holds that does not count, and what was added. */
  readonly notes: readonly string[];
}

/**
 * @param folder any Hugging Face folder.
 * @throws UserError when it is damaged, of another architecture than the plan, or too small for its tokenizer.
 */
export async function openBaseWeights(plan: Plan, architecture: Architecture, folder: string): Promise<BaseWeights> {
  const open = await openWeights(folder);
  const { fingerprint } = open;
  const notes = open.notes.map((note) => `left aside: ${note}`);
  const { tokenizer } = plan.data;
  if (tokenizer.kind !== "extended") {
    checkSameArchitecture(architecture, open.architecture, folder);
    return { folder, fingerprint, tensors: open.weights(), notes };
  }
  const { vocabulary } = open.architecture;
  checkSameArchitecture({ ...architecture, vocabulary }, open.architecture, folder);
  const old = await loadTokenizer(tokenizer.base);
  const problem = misfit(open, architecture, old.vocabulary);
  if (problem !== null) throw new UserError({ ...problem, where: folder });
  const { tokens, initial } = tokenizer.add;
  const tensors = withNewRows(open.weights(), {
    rows: architecture.vocabulary,
    used: old.vocabulary,
    pieces: tokens.map((token) => old.encode(token)),
    initial,
    seed: plan.seed,
  });
  const grown =
    architecture.vocabulary === vocabulary
      ? "in rows that the model has"
      : `${vocabulary} rows → ${architecture.vocabulary}`;
  return {
    folder,
    fingerprint,
    tensors,
    notes: [...notes, `${tokens.length} new tokens from id ${old.vocabulary} on, ${grown}, each as ${WORDS[initial]}`],
  };
}

const WORDS = { pieces: "the mean of its pieces", mean: "the mean of all rows", random: "random numbers" } as const;

function misfit({ architecture: found }: OpenWeights, wanted: Architecture, tokens: number): Problem | null {
  if (tokens > found.vocabulary)
    return {
      what: "the tokenizer that gets new tokens has more of them than this model",
      expected: `at most ${found.vocabulary}`,
      got: String(tokens),
      hint: "name the model's own tokenizer in `data.tokenizer.file`",
    };
  if (wanted.vocabulary >= found.vocabulary) return null;
  return {
    what: "this model has more rows than the plan's padded vocabulary",
    expected: String(wanted.vocabulary),
    got: String(found.vocabulary),
    hint: "take the model's numbers with `model: { from: … }`",
  };
}
