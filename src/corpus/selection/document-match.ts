/** Which documents a step looks at, as a plan says it. */
import type { ForgeDocument, Form } from "../forge-document.js";

/** Every list that is there must hold the document's own; none at all means every document. */
export interface DocumentMatch {
  readonly sources?: readonly string[];
  readonly domains?: readonly string[];
  readonly forms?: readonly Form[];
}

export function matches({ source, domain, form }: ForgeDocument, { sources, domains, forms }: DocumentMatch): boolean {
  return (sources?.includes(source) ?? true) && (domains?.includes(domain) ?? true) && (forms?.includes(form) ?? true);
}

/** A match in words, for messages. */
export function matchWords(match: DocumentMatch): string {
  const parts = Object.entries(match).map(([key, names]: [string, readonly string[]]) => `${key} ${names.join(", ")}`);
  return parts.length === 0 ? "every document" : parts.join(" and ");
}
