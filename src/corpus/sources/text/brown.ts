/** The Brown corpus, whose words carry tags, turned back into sentences. */

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
