/** The step `rules`: drops what cheap rules with published thresholds call no document worth training on. */
import type { ForgeDocument } from "../forge-document.js";
import type { PartitionTask, Step } from "../step.js";
import { type LanguageOf, loadLanguageDetector } from "./language.js";
import { whyNoProse } from "./quality.js";
import { whyRepetitive } from "./repetition.js";
import type { RulesSettings } from "./settings.js";

export function rulesStep(settings: RulesSettings): Step {
  return {
    name: "rules",
    version: 1,
    settings,
    phases: [{ name: "apply", each: "partition", run: (task) => apply(task, settings) }],
  };
}

async function apply(task: PartitionTask, settings: RulesSettings): Promise<void> {
  const languageOf = settings.languages === null ? null : await loadLanguageDetector();
  for await (const document of task.documents()) {
    const why = whyDropped(document, settings, languageOf);
    if (why === null) task.keep(document);
    else task.drop(document, why);
  }
}

/**
 * The first rule that a document breaks, as the reason for dropping it; null where it keeps all.
 * @param languageOf null where no language is asked for.
 */
export function whyDropped(
  { text, form }: ForgeDocument,
  { words, quality, repetition, languages }: RulesSettings,
  languageOf: LanguageOf | null,
): string | null {
  const limits = words[form];
  const why = limits === undefined ? null : whyLength(text, limits);
  if (why !== null) return `length: ${why}`;
  const prose = form === "text" ? withoutFences(text) : text;
  const noProse = quality.includes(form) ? whyNoProse(prose, languages === null || languages.includes("en")) : null;
  if (noProse !== null) return `quality: ${noProse}`;
  const repeated = repetition.includes(form) ? whyRepetitive(prose) : null;
  if (repeated !== null) return `repetition: ${repeated}`;
  if (languages === null || languageOf === null || form !== "text") return null;
  const language = languageOf(prose);
  return language !== null && languages.includes(language) ? null : `language: ${language ?? "not clear"}`;
}

function whyLength(text: string, { least, most }: { readonly least: number; readonly most: number }): string | null {
  let words = 0;
  for (const _ of text.matchAll(/\S+/g)) if (++words > most) return `more than ${most} words`;
  return words < least ? `fewer than ${least} words` : null;
}

const FENCE = /^\s*(`{3,}|~{3,})(.*)$/;

/** Without the code blocks of Markdown: they are not prose, and repeat themselves rightly. One without an end stays. */
export function withoutFences(text: string): string {
  const kept: string[] = [];
  let fenced: string[] = [];
  let opening = "";
  for (const line of text.split("\n")) {
    const [, fence = "", after = ""] = FENCE.exec(line) ?? [];
    if (fenced.length === 0) {
      // Backticks after backticks are code within a line.
      if (fence === "" || (fence.startsWith("`") && after.includes("`"))) kept.push(line);
      else {
        opening = fence;
        fenced = [line];
      }
    } else if (fence.startsWith(opening) && after.trim() === "") fenced = [];
    else fenced.push(line);
  }
  return [...kept, ...fenced].join("\n");
}
