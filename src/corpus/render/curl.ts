/** A call over HTTP as a command: the path filled in, the rest in the query or, where there is a body, in the body. */
import type { ToolDescription } from "./tool.js";

const HOST = /^[\w-]+(?:\.[\w-]+)+(?::\d+)?$/;
const REQUEST = /^([A-Z]+) (\/\S*)$/;

/** The command, or null where the tool has no host or path to call. */
export function curlCall({ host, http }: ToolDescription, input: Readonly<Record<string, unknown>>): string | null {
  const [, method = "", template = ""] = REQUEST.exec(http ?? "") ?? [];
  if (template === "" || !HOST.test(host)) return null;
  const left = new Map(Object.entries(input));
  const path = template.replace(/\{([^{}]{1,100}?)[+*]?\}/g, (whole, name: string) => {
    const value = left.get(name);
    left.delete(name);
    return value === undefined ? whole : encodeURIComponent(wordOf(value));
  });
  const inBody = method !== "GET" && method !== "HEAD" && method !== "DELETE";
  const query = inBody
    ? []
    : [...left].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(wordOf(value))}`);
  const url = `https://${host}${path}${query.length === 0 ? "" : `${path.includes("?") ? "&" : "?"}${query.join("&")}`}`;
  const body = inBody && left.size > 0 ? JSON.stringify(Object.fromEntries(left), null, 2) : null;
  return [
    `curl ${method === "GET" ? "" : `-X ${method} `}"${url}"`,
    ...(body === null ? [] : ['  -H "Content-Type: application/json"', `  -d '${body.replaceAll("'", "'\\''")}'`]),
  ].join(" \\\n");
}

function wordOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
