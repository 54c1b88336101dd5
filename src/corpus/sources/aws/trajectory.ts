/** Function-calling trajectories from worked examples: tools on offer, the user's request, the call, its result, a closing sentence. */
import { sha256 } from "../../../base/fingerprint.js";
import { type Conversation, message, type ToolSchema } from "../../conversations/conversation.js";
import { clipProse } from "../../render/prose.js";
import { toolName } from "./describe.js";
import type { Example, Service, ServiceOperation } from "./service.js";

const TOOLS_ON_OFFER = 4;
const TOOL_PROSE = 160;
/** Longer strings are certificates and tokens: noise to a language model. */
const MAX_STRING = 300;
const MAX_ITEMS = 4;
const MAX_FACTS = 3;
const MAX_FACT = 80;
const MAX_VALUES = 16;

/** The conversation of one example. Everything that varies is drawn by its content, so it is the same in every run. */
export function trajectoryOf(service: Service, operation: ServiceOperation, example: Example): Conversation {
  const key = sha256(JSON.stringify([service.id, operation.name, example]));
  const name = toolName(service, operation);
  const call = { id: null, name, arguments: shorten(example.input, MAX_VALUES) };
  const result = shorten(example.output, MAX_ITEMS);
  return {
    tools: toolsOnOffer(service, operation, key),
    messages: [
      message("user", requestOf(example, operation, key)),
      message("assistant", "", { toolCalls: [call] }),
      message("tool", JSON.stringify(result), { name }),
      message("assistant", closingOf(operation, result)),
    ],
  };
}

/** The operation that is needed among a few others of the same service, in an order drawn by the key. */
function toolsOnOffer(service: Service, operation: ServiceOperation, key: string): ToolSchema[] {
  const rank = ({ name }: ServiceOperation): string => sha256(key + name);
  const byRank = (a: ServiceOperation, b: ServiceOperation): number => (rank(a) < rank(b) ? -1 : 1);
  const others = service.operations.filter(({ name }) => name !== operation.name).sort(byRank);
  const offered = [operation, ...others.slice(0, TOOLS_ON_OFFER - 1)].sort(byRank);
  return offered.map((tool) => ({
    name: toolName(service, tool),
    description: clipProse(firstLine(tool.prose), TOOL_PROSE),
  }));
}

function firstLine(prose: string): string {
  return prose.split("\n")[0] ?? prose;
}

const INTRODUCTION =
  /^(?:example: |(?:the following|this|the)(?: \S+){0,2}? (?:example|command|operation|request|code|sample)(?: command| call| request)? )/i;

/**
 * The example's title and description as a request, then the values of the arguments that it does not mention: a user who does not
 * say which key is meant would teach the model to invent one.
 * "To create a cluster" and "The following example creates a cluster called prod." become "I want to create a cluster. I need a call that …".
 */
export function requestOf({ title, description, input }: Example, operation: ServiceOperation, key: string): string {
  const draw = Number.parseInt(key.slice(2, 4), 16) % 3;
  const detail = detailOf(description);
  const wish = /^to /i.test(title) ? title.replace(/^to /i, "").replace(/[.:]+$/, "") : null;
  const opening =
    wish === null ? null : `${["I want to", "Please", "How do I"][draw]} ${wish}${draw === 2 ? "?" : "."}`;
  const saidTwice = opening !== null && detail !== null && draw !== 0;
  const parts = [saidTwice && draw === 1 ? null : opening, detail].filter((part) => part !== null);
  const request = parts.length > 0 ? parts.join(" ") : `Please use ${operation.title}.`;
  const values = plainValues(input, "", { items: MAX_VALUES, length: MAX_STRING }).filter(
    ({ value }) => !request.includes(String(value)),
  );
  return [request, ...values.slice(0, MAX_VALUES).map(({ path, value }) => `- ${path}: ${value}`)].join("\n");
}

/** What an example says that it does, as a sentence of the person who asks for it; null where it says nothing. */
function detailOf(description: string): string | null {
  const what = description
    .replace(INTRODUCTION, "")
    .replace(/\s*[:.]+$/, "")
    .trim();
  if (!/\w/.test(what) || /^this /i.test(what)) return null;
  if (HOW_TO.test(what)) return sentence(`I want to ${what.replace(HOW_TO, "")}`);
  return sentence(
    THIRD_PERSON.test(what) ? `I need a call that ${what.charAt(0).toLowerCase()}${what.slice(1)}` : what,
  );
}

const HOW_TO = /^(?:shows|demonstrates|illustrates) (?:you )?how to /i;
/** A first word in -s that no verb follows is taken for a verb: "creates a cluster", but not "Volumes are attached". */
const THIRD_PERSON = /^(?!was )[a-z]+[^su\W]s (?!(?:are|is|can|have|must|will|that)\b)/i;

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** What came back, in a sentence or two: how many of the first list, and the first plain values. */
function closingOf({ title }: ServiceOperation, result: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(result);
  if (keys.length === 0) return `${title} succeeded; it returns no data.`;
  const [listKey, list] =
    Object.entries(result).find((entry): entry is [string, unknown[]] => Array.isArray(entry[1])) ?? [];
  const counted = list === undefined ? `${title} succeeded` : `${title} returned ${list.length} ${listKey}`;
  const facts = plainValues(list?.[0] ?? result, "", { items: 1, length: MAX_FACT }).slice(0, MAX_FACTS);
  const told = facts.map(({ path, value }) => (path === "" ? String(value) : `${path} is ${value}`)).join(", ");
  if (told === "")
    return list === undefined ? `${counted} and returned ${keys.slice(0, MAX_FACTS).join(", ")}.` : `${counted}.`;
  return list === undefined || list.length === 0
    ? `${counted}: ${told}.`
    : `${counted}. ${list.length > 1 ? "In the first, " : ""}${told}.`;
}

interface PlainValue {
  readonly path: string;
  readonly value: string | number | boolean;
}

/** The strings, numbers and truth values inside a value, each with its path, from the first `items` of every list. */
function plainValues(value: unknown, path: string, most: { items: number; length: number }): PlainValue[] {
  if (Array.isArray(value))
    return value.slice(0, most.items).flatMap((item, i) => plainValues(item, `${path}[${i}]`, most));
  if (value !== null && typeof value === "object")
    return Object.entries(value).flatMap(([key, item]) =>
      plainValues(item, path === "" ? key : `${path}.${key}`, most),
    );
  if (typeof value === "string") return value !== "" && value.length <= most.length ? [{ path, value }] : [];
  return typeof value === "number" || typeof value === "boolean" ? [{ path, value }] : [];
}

/** The fields without the end of long lists and of long unbroken strings. */
function shorten(fields: Readonly<Record<string, unknown>>, items: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, shortenValue(value, items)]));
}

function shortenValue(value: unknown, items: number): unknown {
  if (Array.isArray(value)) return value.slice(0, items).map((item) => shortenValue(item, items));
  if (value !== null && typeof value === "object") return shorten(value as Record<string, unknown>, items);
  if (typeof value === "string" && value.length > MAX_STRING && !value.slice(0, MAX_STRING).includes(" "))
    return `${value.slice(0, 48)}...`;
  return value;
}
