/**
 * A mail as its subject and the text that somebody wrote (RFC 5322; MIME, RFC 2045 and 2046): the first plain part, decoded. Other headers,
 * attachments and HTML are left out.
 */

/** The text, or why there is none. */
export type MailText = { readonly text: string } | { readonly why: string };

/** Parts within parts. */
const MAX_DEPTH = 8;

export function mailText(bytes: Uint8Array): MailText {
  // One character a byte, until a part's own character set is known.
  const mail = Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
  const { headers, body } = splitMail(mail);
  const subject = headers.get("subject")?.trim() ?? "";
  const part = plainPart(headers, body, 0);
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
  // Without headers a blank line comes first.
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

function plainPart(headers: ReadonlyMap<string, string>, body: string, depth: number): Part | null {
  const type = headers.get("content-type") ?? "text/plain";
  if (/^\s*text\/plain/i.test(type)) return { headers, body };
  const boundary = parameter(type, "boundary");
  if (!/^\s*multipart\//i.test(type) || boundary === null || depth > MAX_DEPTH) return null;
  const parts = body.split(`--${boundary}`).slice(1);
  for (const part of parts) {
    const inner = splitMail(part.replace(/^[ \t]*\n/, ""));
    const found = plainPart(inner.headers, inner.body, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function parameter(header: string, name: string): string | null {
  const [, quoted, plain] = new RegExp(`;\\s*${name}="?(?:([^"]{1,200})"|([^\\s;"]{1,200}))`, "i").exec(header) ?? [];
  return quoted ?? plain ?? null;
}

function decodePart({ headers, body }: Part): string | null {
  const bytes = decodeTransfer(body, headers.get("content-transfer-encoding")?.trim().toLowerCase() ?? "7bit");
  const charset = parameter(headers.get("content-type") ?? "", "charset");
  try {
    // Old mails that name no character set or plain ASCII hold Windows-1252 at times; every byte of it is a character.
    const label = charset === null || /^(?:us-)?ascii$/i.test(charset) ? "windows-1252" : charset;
    return new TextDecoder(label).decode(bytes);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function decodeTransfer(body: string, encoding: string): Uint8Array {
  if (encoding === "base64") return Buffer.from(body, "base64");
  const text =
    encoding !== "quoted-printable"
      ? body
      : body
          .replace(/=[ \t]*\n/g, "")
          .replace(/=([0-9A-F]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return Buffer.from(text, "latin1");
}
