/** Tool documentation: an operation with its prose, parameters and result, as reference text or as a tool definition in JSON. */
import { sha256 } from "../../src/base/fingerprint.js";
import { clipProse, type Member } from "./aws-declarations.js";
import type { Service, ServiceOperation } from "./aws-service.js";
import { membersOf, requiredFirst, resolveType, type Shapes, structureAsSchema, typeInWords } from "./aws-types.js";

/** An operation's own prose, in characters; beyond it, whole sentences are dropped. */
const MAX_PROSE = 2400;
const MAX_MEMBER_PROSE = 480;
const MAX_NESTED_PROSE = 200;
const MAX_MEMBERS = 30;
const MAX_NESTED_MEMBERS = 12;
/** Levels of objects inside a tool definition's parameters. */
const SCHEMA_DEPTH = 2;

/** The documentation of one operation. The form is drawn by the operation's name, so it is the same in every run. */
export function documentTool(service: Service, operation: ServiceOperation): string {
  const draw = Number.parseInt(sha256(`${service.id}.${operation.name}`).slice(0, 4), 16) % 5;
  return draw < 2 ? asDefinition(service, operation) : asReference(service, operation, draw);
}

/** Name a caller uses for an operation. */
export function toolName(service: Service, operation: ServiceOperation): string {
  return `${service.id}.${operation.name}`;
}

function asReference(service: Service, operation: ServiceOperation, draw: number): string {
  const title = draw === 2 ? `# ${service.fullName}: ${operation.title}` : `# ${toolName(service, operation)}(params)`;
  const call = [
    draw === 2 ? `Call: \`${toolName(service, operation)}\`` : `Service: ${service.fullName}`,
    ...(operation.http ? [`HTTP: \`${operation.http}\``] : []),
  ];
  return [
    title,
    call.join("\n"),
    clipProse(operation.prose, MAX_PROSE),
    "## Parameters",
    memberList(membersOf(operation.input, service.shapes), service.shapes) || "This operation takes no parameters.",
    "## Result",
    memberList(membersOf(operation.output, service.shapes), service.shapes) || "This operation returns no data.",
  ].join("\n\n");
}

function memberList(members: readonly Member[], shapes: Shapes): string {
  const shown = requiredFirst(members).slice(0, MAX_MEMBERS);
  const lines = shown.flatMap((member) => [
    memberLine(member, shapes, "", MAX_MEMBER_PROSE),
    ...nestedLines(member, shapes),
  ]);
  return [...lines, ...notShown(members.length - shown.length, "")].join("\n");
}

function nestedLines({ type }: Member, shapes: Shapes): string[] {
  const resolved = resolveType(type, shapes);
  const inner = resolved.kind === "list" || resolved.kind === "map" ? resolved.item : resolved;
  if (inner.kind !== "structure") return [];
  const shown = requiredFirst(inner.members).slice(0, MAX_NESTED_MEMBERS);
  return [
    ...shown.map((member) => memberLine(member, shapes, "  ", MAX_NESTED_PROSE)),
    ...notShown(inner.members.length - shown.length, "  "),
  ];
}

function memberLine({ name, type, required, prose }: Member, shapes: Shapes, indent: string, most: number): string {
  const text = clipProse(prose, most).replaceAll("\n", " ");
  return `${indent}- \`${name}\` (${typeInWords(resolveType(type, shapes))}${required ? ", required" : ""})${text === "" ? "" : `: ${text}`}`;
}

function notShown(count: number, indent: string): string[] {
  return count > 0 ? [`${indent}- and ${count} more`] : [];
}

function asDefinition(service: Service, operation: ServiceOperation): string {
  const members = membersOf(operation.input, service.shapes);
  const definition = {
    name: toolName(service, operation),
    description: clipProse(operation.prose, MAX_PROSE / 2).replaceAll("\n", " "),
    parameters: structureAsSchema(members, service.shapes, SCHEMA_DEPTH),
  };
  const returned = requiredFirst(membersOf(operation.output, service.shapes)).slice(0, MAX_NESTED_MEMBERS);
  const result = returned.map((member) => memberLine(member, service.shapes, "", MAX_NESTED_PROSE)).join("\n");
  return [
    `Tool definition, ${service.fullName}${operation.http ? ` (${operation.http})` : ""}:`,
    JSON.stringify(definition, null, 2),
    result === "" ? "The tool returns an empty object." : `The tool returns an object with\n${result}`,
  ].join("\n\n");
}
