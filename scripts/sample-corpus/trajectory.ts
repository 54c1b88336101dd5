/** Function-calling trajectories from worked examples: tools on offer, the user's request, the call, its result, a closing sentence. */
import { sha256 } from "../../src/base/fingerprint.js";
import { clipProse } from "./aws-declarations.js";
import type { Example, Service, ServiceOperation } from "./aws-service.js";
import { toolName } from "./tool-documentation.js";

const TOOLS_ON_OFFER = 4;
const TOOL_PROSE = 160;
/** Longer strings are certificates and tokens: noise to a language model. */
const MAX_STRING = 300;
const MAX_ITEMS = 4;
const MAX_FACTS = 3;

/** The trajectory of one example. Everything that varies is drawn by its content, so it is the same in every run. */
export function trajectoryOf(service: Service, operation: ServiceOperation, example: Example): string {
  const key = sha256(JSON.stringify([service.id, operation.name, example]));
  const call = { name: toolName(service, operation), arguments: shorten(example.input) };
  const result = shorten(example.output) as Readonly<Record<string, unknown>>;
  const dense = Number.parseInt(key.slice(0, 2), 16) % 3 === 0;
  const json = (value: unknown): string => (dense ? JSON.stringify(value) : JSON.stringify(value, null, 2));
  return [
    `System: You can call these functions of ${service.fullName}. Answer with one JSON object: the function's name and its arguments.\n${toolsOnOffer(service, operation, key)}`,
    `User: ${requestOf(example, operation, key)}`,
    `Assistant: ${json(call)}`,
    `Tool: ${json(result)}`,
    `Assistant: ${closingOf(operation, result)}`,
  ].join("\n\n");
}

/** The operation that is needed among a few others of the same service, in an order drawn by the key. */
function toolsOnOffer(service: Service, operation: ServiceOperation, key: string): string {
  const rank = ({ name }: ServiceOperation): string => sha256(key + name);
  const byRank = (a: ServiceOperation, b: ServiceOperation): number => (rank(a) < rank(b) ? -1 : 1);
  const others = service.operations.filter(({ name }) => name !== operation.name).sort(byRank);
  const offered = [operation, ...others.slice(0, TOOLS_ON_OFFER - 1)].sort(byRank);
  return offered
    .map((tool) => `- ${toolName(service, tool)}: ${clipProse(firstLine(tool.prose), TOOL_PROSE)}`)
    .join("\n");
}

function firstLine(prose: string): string {
  return prose.split("\n")[0] ?? prose;
}

const INTRODUCTION =
  /^(?:the following|this)(?: \w+)?(?: \S+)? (?:example|command|operation|request|code|sample)(?: command| call| request)? /i;

/** The example's title and description as a request: "To create a cluster" and "The following example creates a cluster called prod." */
export function requestOf({ title, description }: Example, operation: ServiceOperation, key: string): string {
  const wish = /^to /i.test(title) ? title.replace(/^to /i, "") : null;
  const what = description.replace(INTRODUCTION, "").replace(/\s*:$/, ".").trim();
  const introduced = what !== description.trim() && /^[a-z]+s\b/.test(what);
  const detail = introduced ? `I need a call that ${what}` : what;
  const draw = Number.parseInt(key.slice(2, 4), 16) % 3;
  const opening =
    wish === null
      ? `Please use ${operation.title}.`
      : (["I want to ", "Please ", "How do I "][draw] ?? "") + wish + (draw === 2 ? "?" : ".");
  return [opening.replace(/\.\.$/, "."), detail === "" || /^[.]$/.test(detail) ? "" : sentence(detail)]
    .filter((part) => part !== "")
    .join(" ");
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** What came back, in one sentence: the first plain values of the result. */
function closingOf({ title }: ServiceOperation, result: Readonly<Record<string, unknown>>): string {
  const facts = plainValues(result, "").slice(0, MAX_FACTS);
  if (facts.length > 0) return `${title} succeeded: ${facts.join(", ")}.`;
  const keys = Object.keys(result);
  return keys.length === 0
    ? `${title} succeeded; it returns no data.`
    : `${title} succeeded and returned ${keys.slice(0, MAX_FACTS).join(", ")}.`;
}

function plainValues(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.slice(0, 1).flatMap((item) => plainValues(item, `${path}[0]`));
  if (value !== null && typeof value === "object")
    return Object.entries(value).flatMap(([key, item]) => plainValues(item, path === "" ? key : `${path}.${key}`));
  return (typeof value === "string" && value !== "" && value.length <= 80) ||
    typeof value === "number" ||
    typeof value === "boolean"
    ? [`${path} is ${value}`]
    : [];
}

/** The value without the middle of long lists and long unbroken strings. */
function shorten(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map(shorten);
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shorten(item)]));
  if (typeof value === "string" && value.length > MAX_STRING && !value.slice(0, MAX_STRING).includes(" "))
    return `${value.slice(0, 48)}...`;
  return value;
}
