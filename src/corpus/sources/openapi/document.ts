/** A description of an API as a plain value, from JSON or YAML; and the places in it that its references name. */
import { parseDocument } from "yaml";
import { messageOf } from "../../../base/errors.js";
import { memberOf } from "../json-schema.js";

export type ParsedDocument = { readonly value: unknown } | { readonly why: string };

/** Aliases may be copied out this often: enough for any description, too little for a billion laughs. */
const MAX_ALIASES = 1000;
/** YAML is read some twenty times slower than JSON, and large descriptions are published as JSON. */
const MAX_YAML = 2 ** 25;

export function parseDescription(text: string): ParsedDocument {
  if (/^\s*\{/.test(text)) {
    try {
      return { value: JSON.parse(text) };
    } catch (error) {
      // Flow mappings of YAML begin like JSON.
      if (text.length > MAX_YAML) return { why: `not JSON: ${messageOf(error)}` };
    }
  }
  if (text.length > MAX_YAML) return { why: `longer than the ${MAX_YAML} characters that are read as YAML` };
  try {
    const document = parseDocument(text, { logLevel: "silent", prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) return { why: `not YAML: ${error.message.split("\n", 1)[0]}` };
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) };
  } catch (error) {
    // Nesting deeper than the stack, or more aliases than are copied out.
    return { why: `not YAML: ${messageOf(error)}` };
  }
}

/** The part of a document that `#/a/b~1c` names (JSON Pointer, RFC 6901); undefined where there is none. */
export function partAt(document: unknown, reference: string): unknown {
  if (!reference.startsWith("#/")) return undefined;
  let part = document;
  for (const step of reference.slice(2).split("/")) {
    const key = decodeStep(step).replaceAll("~1", "/").replaceAll("~0", "~");
    part = Array.isArray(part) ? part[Number(key)] : memberOf(part, key);
  }
  return part;
}

function decodeStep(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
