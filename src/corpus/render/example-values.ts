/** Plausible values for parameters, from their types, names and what their prose gives as an example. The same ones every time. */
import { mix, wordHash } from "../text/hashes.js";
import type { ToolField, ToolType } from "./tool.js";
import { requiredFirst } from "./type-words.js";

const MAX_DEPTH = 3;
const MAX_FIELDS = 8;
/** Where nothing is required, this many fields are given. */
const OPTIONAL_FIELDS = 2;

const MOMENT = "2024-03-15T09:30:00Z";
const SHOWN =
  /(?:e\.g\.,?|for example,?|examples?:|such as|default(?:s to| is|:)|like) {0,2}[`"'“‘]([^`"'”’\n]{1,60})[`"'”’]/i;

/** The values of the required fields, or of the first ones where none is. */
export function exampleOf(fields: readonly ToolField[], depth = 0): Record<string, unknown> {
  const required = fields.filter((field) => field.required);
  const given = required.length > 0 ? required.slice(0, MAX_FIELDS) : fields.slice(0, OPTIONAL_FIELDS);
  return Object.fromEntries(given.map((field) => [field.name, exampleValue(field, depth)]));
}

/** The shape of a result: its first fields with values, structures opened a few levels. */
export function resultExample(fields: readonly ToolField[], depth = 0): Record<string, unknown> {
  const shown = requiredFirst(fields).slice(0, depth === 0 ? MAX_FIELDS + 4 : MAX_FIELDS);
  return Object.fromEntries(shown.map((field) => [field.name, typedValue(field.type, field, depth, resultExample)]));
}

export function exampleValue(field: ToolField, depth = 0): unknown {
  return typedValue(field.type, field, depth, exampleOf);
}

/** A value of a result that is no object with fields. */
export function resultValue(type: ToolType): unknown {
  return typedValue(type, { name: "value", type, required: true, prose: "" }, 0, resultExample);
}

type Open = (fields: readonly ToolField[], depth: number) => Record<string, unknown>;

function typedValue(type: ToolType, field: ToolField, depth: number, open: Open): unknown {
  switch (type.kind) {
    case "string":
      return stringFor(field);
    case "integer":
    case "number":
      return numberFor(field, type.kind === "integer");
    case "boolean":
      return true;
    case "binary":
      return "ZXhhbXBsZQ==";
    case "timestamp":
      return MOMENT;
    case "any":
      return stringFor(field);
    case "enum":
      return type.values.find((value) => field.prose.includes(`default: ${value}`)) ?? type.values[0] ?? "";
    case "list":
      return depth >= MAX_DEPTH ? [] : [typedValue(type.item, singular(field), depth + 1, open)];
    case "map":
      return depth >= MAX_DEPTH ? {} : { key: typedValue(type.item, { ...field, name: "value" }, depth + 1, open) };
    case "structure":
      return depth >= MAX_DEPTH ? {} : open(type.fields(), depth + 1);
  }
}

function singular(field: ToolField): ToolField {
  return { ...field, name: field.name.replace(/ies$/, "y").replace(/(?<=[^s])s$/, "") };
}

/** By the words at the end of a name, which say most: the first that fits decides. */
const BY_NAME: readonly (readonly [RegExp, (draw: number) => string])[] = [
  [/e-?mail$/, () => "ada@example.com"],
  [/(?:url|uri|href|link|endpoint|webhook)$/, () => "https://example.com/resource"],
  [/(?:date|day)$/, () => MOMENT.slice(0, 10)],
  [/(?:time|timestamp|at)$/, () => MOMENT],
  [/(?:phone|phone_?number)$/, () => "+15555550100"],
  [/arn$/, (draw) => `arn:aws:iam::123456789012:role/example-${draw % 1000}`],
  [/(?:uuid|guid)$/, (draw) => `3f2a9c1e-0b7d-4e58-9a61-${String(draw).padStart(12, "0").slice(-12)}`],
  [/(?:sha|hash|commit|digest|checksum)$/, (draw) => mix(draw).toString(16).padStart(8, "0")],
  [/(?:id|key|token|identifier|number)$/, (draw) => `${(draw % 900_000) + 100_000}`],
  [/(?:region)$/, () => "us-east-1"],
  [/(?:country|country_?code)$/, () => "DE"],
  [/(?:language|locale|lang)$/, () => "en"],
  [/(?:currency)$/, () => "EUR"],
  [/(?:path|file|filename)$/, () => "documents/report.txt"],
  [/(?:first_?name)$/, () => "Ada"],
  [/(?:last_?name|surname)$/, () => "Lovelace"],
  [/(?:city)$/, () => "Berlin"],
  [/(?:query|search|q|filter)$/, () => "status:active"],
  [/(?:title|subject)$/, () => "Quarterly report"],
  [/(?:description|message|comment|body|text|content|summary|note)$/, () => "An example of what this is for."],
  [/(?:version)$/, () => "1.0"],
  [/(?:color|colour)$/, () => "blue"],
];

function stringFor({ name, prose }: ToolField): string {
  const shown = SHOWN.exec(prose)?.[1];
  if (shown !== undefined) return shown;
  const plain = name
    .replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .toLowerCase();
  const draw = wordHash(name);
  const rule = BY_NAME.find(([ending]) => new RegExp(`(?:^|_)${ending.source}`).test(plain));
  return rule === undefined ? `example-${plain.replaceAll("_", "-").replace(/^-|-$/g, "") || "value"}` : rule[1](draw);
}

function numberFor({ name, prose }: ToolField, whole: boolean): number {
  const shown = /(?:default(?:s to|:| is)|e\.g\.,?|example:?) {0,2}[`"']?(-?\d{1,9}(?:\.\d{1,6})?)\b/i.exec(prose)?.[1];
  if (shown !== undefined && !(whole && shown.includes("."))) return Number(shown);
  const plain = name.toLowerCase();
  if (/(?:limit|max|size|count|per_?page)/.test(plain)) return 10;
  if (/(?:page|offset|index|version)$/.test(plain)) return 1;
  if (/port$/.test(plain)) return 8080;
  if (/lat(?:itude)?$/.test(plain)) return whole ? 52 : 52.52;
  if (/(?:lng|lon|longitude)$/.test(plain)) return whole ? 13 : 13.405;
  if (/id$/.test(plain)) return (wordHash(name) % 9000) + 1000;
  return whole ? (wordHash(name) % 99) + 1 : ((wordHash(name) % 990) + 10) / 10;
}
