/**
 * Requests and responses as they go over the wire: records of `{description, request: {method, url, headers, body}, response: {status,
 * headers, body}}`, and HTTP archives (HAR 1.2). Headers that carry secrets are left out.
 */
import { type Fields, isFields, listOf, optionalText, textOf, Unusable } from "../../conversations/conversation.js";
import { fieldsOf, type RecordDocument } from "./record.js";

/** One record, or all entries of an archive. */
export function parseHttpExample(value: unknown): readonly RecordDocument[] {
  const record = fieldsOf(value, "the record");
  if (!isFields(record["log"])) return [exchangeOf(record)];
  const entries = listOf(record["log"]["entries"], "`log.entries`");
  if (entries.length === 0) throw new Unusable("the archive has no entries");
  return entries.map((entry) => exchangeOf(fieldsOf(entry, "an entry")));
}

function exchangeOf(record: Fields): RecordDocument {
  const request = fieldsOf(record["request"], "`request`");
  const response = fieldsOf(record["response"], "`response`");
  const method = textOf(request["method"] ?? "GET", "`method`")
    .trim()
    .toUpperCase();
  const url = textOf(request["url"], "`url`").trim();
  if (!/^[A-Z]{1,20}$/.test(method)) throw new Unusable("`method` is not a word");
  if (!/^(?:https?:\/\/|\/)\S+$/.test(url)) throw new Unusable("`url` is no path and no web address");
  const { status } = response;
  if (!Number.isInteger(status)) throw new Unusable("`status` is not a whole number");
  const description = optionalText(record["description"] ?? record["comment"], "`description`")?.trim() ?? "";
  const statusText = optionalText(response["statusText"], "`statusText`")?.trim() ?? "";
  const parts = [
    ...(description === "" ? [] : [description]),
    part(`${method} ${url}`, request, requestBody(request)),
    part(`HTTP ${status}${statusText === "" ? "" : ` ${statusText}`}`, response, responseBody(response)),
  ];
  return { text: parts.join("\n\n"), form: "trajectory", style: "http", ...operationOf(method, url) };
}

function part(firstLine: string, { headers }: Fields, body: string): string {
  const head = [firstLine, ...headerLines(headers)].join("\n");
  return body === "" ? head : `${head}\n\n${body}`;
}

const SECRET = /^(?:authorization|proxy-authorization|cookie|set-cookie)$|token|secret|api-?key|session|signature/i;

/** An object of names and values, or a list of `{name, value}` as archives have it. */
function headerLines(headers: unknown): string[] {
  const pairs: [unknown, unknown][] = Array.isArray(headers)
    ? headers.map((header) => (isFields(header) ? [header["name"], header["value"]] : [null, null]))
    : Object.entries(isFields(headers) ? headers : {});
  return pairs.flatMap(([name, value]) => {
    // Names that begin with a colon are HTTP/2's own and repeat the first line.
    if (typeof name !== "string" || name === "" || name.startsWith(":") || SECRET.test(name)) return [];
    return typeof value === "string" || typeof value === "number" ? [`${name}: ${value}`] : [];
  });
}

function requestBody(request: Fields): string {
  const { body, postData } = request;
  return bodyText(isFields(postData) ? postData["text"] : body);
}

function responseBody(response: Fields): string {
  const { body, content } = response;
  if (!isFields(content)) return bodyText(body);
  const type = typeof content["mimeType"] === "string" ? content["mimeType"] : "";
  if (content["encoding"] === "base64") return `[${type === "" ? "binary data" : type}]`;
  return bodyText(content["text"]);
}

/** A body as it is, or a value as the JSON that it was sent as. */
function bodyText(body: unknown): string {
  if (body === undefined || body === null) return "";
  return typeof body === "string" ? body.trim() : JSON.stringify(body, null, 2);
}

/** A number, a UUID or a long hexadecimal name stands for one thing among many of a kind. */
const ONE_OF_MANY = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,})$/i;

/** `api.example.com GET /users/{id}`; nothing for a path without a host. */
function operationOf(method: string, url: string): { operation?: string } {
  if (!URL.canParse(url)) return {};
  const { host, pathname } = new URL(url);
  const path = pathname.split("/").map((segment) => (ONE_OF_MANY.test(segment) ? "{id}" : segment));
  return { operation: `${host} ${method} ${path.join("/")}` };
}
