/** What passes from step to step of a forge: one document with where it comes from, or the reason why a record is not one. */
import type { FORMS } from "../config/forge-names.js";

/** What a document is made of; a corpus is reported by it, and steps may treat forms differently. */
export type Form = (typeof FORMS)[number];

export interface ForgeDocument {
  /** Never blank, well-formed Unicode. */
  readonly text: string;
  /** The name of its source in the forge's plan. */
  readonly source: string;
  /** Where in the source it comes from, for people: `path#part`. Unique within its source. */
  readonly origin: string;
  /** SPDX identifier, or the words of the source; null when the source does not say. */
  readonly licence: string | null;
  /** The domain that it will be trained in. */
  readonly domain: string;
  readonly form: Form;
  /** How the form is written, such as `prose` or `schema` for tool documentation; null where there is one way only. */
  readonly style: string | null;
  /** The operation that it documents or calls, as `host operation`; null for none or several. Distinct ones are counted. */
  readonly operation: string | null;
  /** A programming language's name for code, a language tag such as `en` for text; null when unknown. */
  readonly language: string | null;
}

export interface Rejection {
  /** `file:line`, or `file#part`. */
  readonly where: string;
  readonly why: string;
  /** What was there, cut to some kilobytes. */
  readonly record: string;
}

/** What the reader of a source makes of its files; the forge adds the source's name, licence and domain. */
export interface FoundDocument {
  /** Never blank, well-formed Unicode, without NUL. */
  readonly text: string;
  readonly origin: string;
  readonly form: Form;
  readonly style?: string;
  readonly operation?: string;
  readonly language?: string;
  /** Where the files say so themselves; otherwise the plan's word for the source holds. */
  readonly licence?: string;
}

/** What a source gives, in order. */
export type SourceItem = { readonly document: FoundDocument } | { readonly rejected: Rejection };
