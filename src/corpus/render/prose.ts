/**
 * Descriptions as plain text: HTML, Markdown and JSDoc lose their markup, code keeps its backquotes, paragraphs and list items stand one
 * a line. Every pattern is bounded, so that the time is linear in the text, whatever it holds.
 */
import { decodeEntities } from "./entities.js";

/** Tags that end a paragraph; other known tags only disappear. What is not here, such as `List<String>`, is not HTML. */
const BLOCKS: ReadonlySet<string> = new Set(
  (
    "p div br hr ul ol dl dd dt table tbody thead tr pre blockquote h1 h2 h3 h4 h5 h6 section article details summary title " +
    "note important caution warning fullname examples simpletable programlisting body html"
  ).split(" "),
);
const INLINE: ReadonlySet<string> = new Set(
  "a abbr b big center cite del dfn em font i img ins kbd mark q s samp small span strong sub sup td th tt u var".split(
    " ",
  ),
);

const TAG = /<(\/?)([a-zA-Z][a-zA-Z0-9]{0,20})(?:\s[^<>]{0,1000})?\/?>/g;
const FENCE = /^\s{0,8}(?:```|~~~)/;
const BULLET = /^\s*[-*+•]\s+/;
const NUMBERED = /^\s*\d{1,3}[.)]\s+/;
const HEADING = /^\s{0,3}#{1,6}\s+/;
/** A line under a table's head, a heading's underline, a rule. */
const RULE = /^(?=.*(?:--|==|\*\*|__))[\s:|=*_-]+$/;

/** The text of a description in any of these markups, without them; "" where there is nothing but markup. */
export function plainProse(markup: string): string {
  const lines = withoutTags(withoutComments(withoutControls(markup))).split("\n");
  const paragraphs: string[] = [];
  let open: string[] = [];
  const close = () => {
    const paragraph = inline(open.join(" "));
    if (paragraph !== "" && paragraph !== "-") paragraphs.push(paragraph);
    open = [];
  };
  let fenced = false;
  for (const line of lines) {
    if (FENCE.test(line)) {
      close();
      paragraphs.push("```");
      fenced = !fenced;
    } else if (fenced) paragraphs.push(decodeEntities(line.trimEnd()));
    else if (line.trim() === "" || RULE.test(line)) close();
    else {
      const item = BULLET.test(line) || NUMBERED.test(line);
      const alone = HEADING.test(line) || line.trimStart().startsWith("|");
      if (item || alone) close();
      open.push(
        line
          .replace(BULLET, "- ")
          .replace(HEADING, "")
          .replace(/^\s*>+\s?/, ""),
      );
      if (alone) close();
    }
  }
  close();
  if (fenced) paragraphs.push("```");
  return paragraphs
    .join("\n")
    .replace(/```\n+```\n?/g, "")
    .trim();
}

/** Prose in one line: paragraphs follow each other, list items are parted by semicolons, fences of code are left out. */
export function oneLine(prose: string): string {
  let joined = "";
  let inList = false;
  for (const line of prose.split("\n")) {
    const item = line.startsWith("- ");
    const text = (item ? line.slice(2) : line).trim();
    if (text === "" || text === "```") continue;
    const mark = item && inList && !/[.;:!?,]$/.test(joined) ? "; " : " ";
    joined += joined === "" ? text : mark + text;
    inList = item;
  }
  return joined;
}

/** Prose as it is set in documents: a blank line between paragraphs, none between list items, inside tables and inside code. */
export function spaced(prose: string): string {
  let fenced = false;
  let before: string | null = null;
  const lines = prose.split("\n").flatMap((line) => {
    const together = fenced || (isListed(line) && before !== null && isListed(before));
    const blank = before !== null && !together;
    if (line === "```") fenced = !fenced;
    before = line;
    return blank ? ["", line] : [line];
  });
  return lines.join("\n");
}

function isListed(line: string): boolean {
  return /^(?:- |\||\d{1,3}[.)] )/.test(line);
}

/** Words that end in a full stop inside a sentence. */
const ABBREVIATION = /(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|no|fig|ex)|\b[A-Z])\.$/i;

/**
 * The first paragraphs and sentences that fit in `most` characters, at least one. Never cut inside a sentence, unless the first one is
 * twice as long as all should be: then inside it, between words.
 */
export function clipProse(prose: string, most: number): string {
  if (prose.length <= most) return prose;
  let end = 0;
  for (let at = 0; at < prose.length && at < 2 * most; at++) {
    if (!endsSentence(prose, at)) continue;
    if (at + 1 > most && end > 0) break;
    end = at + 1;
  }
  if (end === 0) return `${prose.slice(0, wordBorder(prose, most)).trimEnd()} …`;
  return withoutLooseEnd(prose.slice(0, end).trim());
}

function endsSentence(prose: string, at: number): boolean {
  const mark = prose[at];
  if (mark === "\n") return true;
  if (mark !== "." && mark !== "!" && mark !== "?") return false;
  const next = prose[at + 1];
  if (next !== undefined && next !== " " && next !== "\n") return false;
  return mark !== "." || !ABBREVIATION.test(prose.slice(Math.max(0, at - 8), at + 1));
}

function wordBorder(prose: string, most: number): number {
  const border = prose.lastIndexOf(" ", most);
  if (border > most / 2) return border;
  // Not inside a pair of surrogates.
  return /[\uD800-\uDBFF]/.test(prose[most - 1] ?? "") ? most - 1 : most;
}

/** Without an open fence of code, and without a last line that announces what was cut off: `one of the following:`. */
function withoutLooseEnd(clipped: string): string {
  const lines = clipped.split("\n");
  const fences = lines.filter((line) => line === "```").length;
  if (fences % 2 === 1) lines.splice(lines.lastIndexOf("```"));
  while (lines.length > 1 && /(?::|^)$/.test(lines.at(-1) ?? "")) lines.pop();
  return lines.length === 0 ? clipped : lines.join("\n");
}

function withoutControls(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, "\uFFFD")
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\n\t]|\uFEFF/gu, " ");
}

function withoutComments(text: string): string {
  let kept = "";
  let from = 0;
  for (let at = text.indexOf("<!--"); at !== -1; at = text.indexOf("<!--", from)) {
    kept += text.slice(from, at);
    const end = text.indexOf("-->", at);
    if (end === -1) return kept;
    from = end + 3;
  }
  return kept + text.slice(from);
}

function withoutTags(text: string): string {
  return text.replace(TAG, (tag: string, slash: string, given: string) => {
    const name = given.toLowerCase();
    if (name === "code") return "`";
    if (name === "li") return slash === "" ? "\n- " : "\n\n";
    if (BLOCKS.has(name)) return "\n\n";
    if (name === "td" || name === "th") return " ";
    return INLINE.has(name) ? "" : tag;
  });
}

/** One paragraph without links, emphasis, escapes and double blanks; what stands between backquotes stays as it is. */
function inline(paragraph: string): string {
  const linked = paragraph
    .replace(/\s+/g, " ")
    .replace(/\{@(?:link|linkcode|linkplain|see)\s+([^{}|\s]{1,300})(?:\s*\|\s*|\s+)([^{}]{1,300})\}/g, "$2")
    .replace(/\{@(?:link|linkcode|linkplain|see)\s+([^{}\s]{1,300})\s*\}/g, "`$1`")
    .replace(/\{@(?:code|literal)\s+([^{}]{1,300})\}/g, "`$1`")
    .replace(/!?\[([^[\]]{0,500})\]\([^()\s]{0,2000}(?:\s(?:"[^"]{0,300}"|'[^']{0,300}'))?\)/g, "$1")
    .replace(/(?<=^|[\s(])\[([^[\]]{1,200})\]\[[^[\]]{0,200}\]/g, "$1")
    .replace(/<(https?:\/\/[^<>\s]{1,1000})>/g, "$1")
    .replace(/``+/g, "`");
  const parts = linked.split("`");
  const balanced = parts.length % 2 === 1;
  const text = parts
    .map((part, i) => (balanced && i % 2 === 1 ? part.trim() : withoutEmphasis(part)))
    .join("`")
    .replaceAll("``", "");
  return decodeEntities(text)
    .replace(/\s+/g, " ")
    .replace(/(?<=[\w`)"']) ([.,;:)])(?=\s|$)/g, "$1")
    .replace(/\( /g, "(")
    .trim();
}

function withoutEmphasis(text: string): string {
  return text
    .replace(/\*\*([^*\n]{1,300})\*\*/g, "$1")
    .replace(/(?<![\w*])\*(?![\s*])([^*\n]{1,200})\*(?![\w*])/g, "$1")
    .replace(/(?<![\w_])__([^_\n]{1,200})__(?![\w_])/g, "$1")
    .replace(/(?<![\w_])_([^_\n]{1,200})_(?![\w_])/g, "$1")
    .replace(/\\([_*[\]`<>#|~{}@-])/g, "$1");
}
