/**
 * A mail as its subject and the text that somebody wrote (RFC 5322; MIME, RFC 2045 and 2046): the first plain part, decoded. Other headers,
 * attachments and HTML are left out.
 */
import { decodeUtf8, NOT_UTF8 } from "../../record.js";

/** The text, or why there is none. */
export type MailText = { readonly text: string } | { readonly why: string };

/** Parts within parts. */
const MAX_DEPTH = 8;

export function mailText(bytes: Uint8Array): MailText {
  // One character a byte, until a part's own character set is known.
  const mail = Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
  const whole = splitMail(mail);
  const subject = headerText(whole.headers.get("subject") ?? "");
  const part = plainPart(whole, 0);
  if (part === null) return { why: "the mail has no plain text" };
  const decoded = decodePart(part);
  if (decoded === null) return { why: "the mail's character set is not known" };
  return { text: [...(subject === "" ? [] : [`Subject: ${subject}`]), decoded.trim()].join("\n\n") };
}

interface Part {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Headers by lower-case name, lines that go on joined; a line before them that is none (mbox's `From `) is passed over. */
function splitMail(mail: string): Part {
  // A part may have no headers, and then begins with the empty line.
  if (mail.startsWith("\n")) return { headers: new Map(), body: mail.slice(1) };
  const end = mail.indexOf("\n\n");
  const head = end === -1 ? mail : mail.slice(0, end);
  const headers = new Map<string, string>();
  for (const line of head.replace(/\n[ \t]+/g, " ").split("\n")) {
    const [, name, value] = /^([\w-]{1,80}):\s?(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined && !headers.has(name.toLowerCase()))
      headers.set(name.toLowerCase(), value);
  }
  return { headers, body: end === -1 ? "" : mail.slice(end + 2) };
}

function plainPart({ headers, body }: Part, depth: number): Part | null {
  const type = headers.get("content-type") ?? "text/plain";
  if (/^\s*attachment/i.test(headers.get("content-disposition") ?? "")) return null;
  if (/^\s*text\/plain/i.test(type)) return { headers, body };
  const boundary = parameter(type, "boundary");
  if (!/^\s*multipart\//i.test(type) || boundary === null || depth > MAX_DEPTH) return null;
  for (const part of partsOf(body, boundary)) {
    const found = plainPart(splitMail(part), depth + 1);
    if (found !== null) return found;
  }
  return null;
}

/** What stands between lines that are the boundary; the last one has two more hyphens (RFC 2046, section 5.1.1). */
function partsOf(body: string, boundary: string): string[] {
  const parts: string[][] = [];
  for (const line of body.split("\n")) {
    const after = line.startsWith(`--${boundary}`) ? line.slice(boundary.length + 2).trimEnd() : null;
    if (after === "--" && parts.length > 0) break;
    if (after === "") parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts.map((lines) => lines.join("\n"));
}

function parameter(header: string, name: string): string | null {
  const [, quoted, plain] = new RegExp(`;\\s*${name}=(?:"([^"]{1,200})"|([^\\s;"]{1,200}))`, "i").exec(header) ?? [];
  return quoted ?? plain ?? null;
}

function decodePart({ headers, body }: Part): string | null {
  const encoding = headers.get("content-transfer-encoding")?.trim().toLowerCase() ?? "7bit";
  const charset = parameter(headers.get("content-type") ?? "", "charset");
  return decodeCharacters(decodeTransfer(body, encoding), charset);
}

/** The text, or null where nobody knows the character set. */
function decodeCharacters(bytes: Uint8Array, charset: string | null): string | null {
  if (charset === null || /^(?:us-)?ascii$/i.test(charset)) {
    // Old mails that name no character set or plain ASCII hold Windows-1252 at times; hardly any of it is UTF-8 by chance.
    const text = decodeUtf8(bytes);
    return text === NOT_UTF8 ? windows1252(bytes) : text;
  }
  try {
    const decoder = new TextDecoder(charset);
    return decoder.encoding === "windows-1252" ? windows1252(bytes) : decoder.decode(bytes);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The characters of the bytes 0x80 to 0x9f (WHATWG Encoding); Node 20's decoder takes them for control characters. */
const FROM_80 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

function windows1252(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1");
  return text.replace(/[\x80-\x9f]/g, (character) => FROM_80[character.charCodeAt(0) - 0x80]);
}

function decodeTransfer(body: string, encoding: string): Uint8Array {
  if (encoding === "base64") return Buffer.from(body, "base64");
  return Buffer.from(encoding === "quoted-printable" ? unquote(body) : body, "latin1");
}

/** Quoted-printable (RFC 2045, section 6.7): blanks at the end of a line are not the writer's. */
function unquote(body: string): string {
  const lines = body.split("\n").map((line) => line.trimEnd());
  const joined = lines.map((line, at) =>
    line.endsWith("=") ? line.slice(0, -1) : at + 1 < lines.length ? `${line}\n` : line,
  );
  return joined
    .join("")
    .replace(/=([0-9A-F]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** A header with its encoded words as text (RFC 2047); other bytes are UTF-8 (RFC 6532) or Windows-1252. */
function headerText(header: string): string {
  const joined = header.replace(/\?=[ \t]{1,80}=\?/g, "?==?");
  const word = /=\?([^\s?]{1,40})\?([bq])\?([^\s?]{0,1000})\?=/gi;
  let text = "";
  let end = 0;
  for (const match of joined.matchAll(word)) {
    const [whole, charset, encoding, coded] = match;
    const bytes =
      encoding.toLowerCase() === "b"
        ? Buffer.from(coded, "base64")
        : Buffer.from(unquote(coded.replaceAll("_", "=20")), "latin1");
    text += plainHeader(joined.slice(end, match.index)) + (decodeCharacters(bytes, charset) ?? whole);
    end = match.index + whole.length;
  }
  return (text + plainHeader(joined.slice(end))).trim();
}

function plainHeader(text: string): string {
  return decodeCharacters(Buffer.from(text, "latin1"), null) ?? text;
}
