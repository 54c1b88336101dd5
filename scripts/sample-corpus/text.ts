/** Prose of the `text` domain: the Brown corpus turned back from tagged words into sentences, and State of the Union addresses. */
import type { SampleDocument } from "./sample-document.js";

const CLOSING = /^(?:[,.;:?!)\]}%]|''|\.\.\.)+$/;
const OPENING = /^(?:[([{$]|``)+$/;

/**
 * A file of the Brown corpus, `word/tag word/tag …` a sentence per line, as paragraphs: a tab opens a new one.
 * The corpus writes a question mark, exclamation mark or semicolon that ends a sentence twice, puts closing quotes before the comma
 * or full stop that American printing puts inside them, and has editors' marks such as `**zg`.
 */
export function brownText(tagged: string): string {
  const paragraphs: string[][] = [];
  for (const line of tagged.split("\n")) {
    const words = line.trim().split(/\s+/).map(wordOf);
    if (words.join("") === "") continue;
    if (line.startsWith("\t") || paragraphs.length === 0) paragraphs.push([]);
    paragraphs.at(-1)?.push(...words.filter((word) => !word.startsWith("**")));
  }
  return paragraphs.map((words) => joinWords(quotesOutside(withoutRepeats(words)))).join("\n\n");
}

function wordOf(token: string): string {
  const slash = token.lastIndexOf("/");
  return slash > 0 ? token.slice(0, slash) : token;
}

function withoutRepeats(words: readonly string[]): string[] {
  return words.filter((word, i) => !(/^[?!;]$/.test(word) && word === words[i - 1]));
}

/** `'' ,` becomes `, ''`. */
function quotesOutside(words: readonly string[]): string[] {
  return words.map((word, i) => {
    if (word === "''" && /^[,.?!]$/.test(words[i + 1] ?? "")) return words[i + 1] ?? word;
    return /^[,.?!]$/.test(word) && words[i - 1] === "''" ? "''" : word;
  });
}

function joinWords(words: readonly string[]): string {
  let text = "";
  let attach = true;
  let quoted = false;
  for (const word of words) {
    const closesQuote = word === "'" && quoted;
    if (!attach && !CLOSING.test(word) && !closesQuote) text += " ";
    attach = OPENING.test(word) || (word === "'" && !quoted);
    if (word === "'") quoted = !quoted;
    text += word.replace(/^``|''$/g, '"');
  }
  return text;
}

/** One document for each text of the Brown corpus (`ca01` to `cr09`). */
export function* brownDocuments(files: ReadonlyMap<string, string>, licence: string): Generator<SampleDocument> {
  for (const [path, tagged] of sorted(files)) yield { text: brownText(tagged), source: `brown/${path}`, licence };
}

/** One document for each address; the file's name holds year, name and party: `1989_george_bush_r.txt`. */
export function* addressDocuments(files: ReadonlyMap<string, string>, licence: string): Generator<SampleDocument> {
  for (const [path, text] of sorted(files)) {
    const name = path.replace(/^data\//, "").replace(/_[a-z]+\.txt$/, "");
    yield { text: text.replace(/[ \t]+/g, " ").trim(), source: `state-of-the-union/${name}`, licence };
  }
}

function sorted(files: ReadonlyMap<string, string>): [string, string][] {
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1));
}
