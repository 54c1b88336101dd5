/** What the step `rules` can be told. */
import type { Form } from "../forge-document.js";

export interface WordLimits {
  readonly least: number;
  readonly most: number;
}

export interface RulesSettings {
  /** Words of a document, by form; a form that is not named has no limits. */
  readonly words: Readonly<Partial<Record<Form, WordLimits>>>;
  /** Forms to which the rules of `quality.ts` are applied; by default text only: they know what prose looks like. */
  readonly quality: readonly Form[];
  /** Forms to which the rules of `repetition.ts` are applied; by default text only: documentation and code repeat themselves rightly. */
  readonly repetition: readonly Form[];
  /** The languages, as tags such as `en`, that text may be in, found out by its beginning; null (the default): any. */
  readonly languages: readonly string[] | null;
}

export const DEFAULT_RULES: RulesSettings = {
  words: {
    // Gopher's (Rae et al. 2021, table A1).
    text: { least: 50, most: 100_000 },
    "tool-documentation": { least: 10, most: 20_000 },
    trajectory: { least: 10, most: 100_000 },
    code: { least: 10, most: 100_000 },
    "code-and-documentation": { least: 10, most: 20_000 },
  },
  quality: ["text"],
  repetition: ["text"],
  languages: null,
};
