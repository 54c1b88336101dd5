/** Calls written as text, `[search(query="x", limit=3), Get Time(zone='UTC')]`, with the literals of Python or JSON as values. */
import { type Fields, type ToolCall, Unusable } from "./conversation.js";

const MAX_DEPTH = 64;
const WORDS: Readonly<Record<string, unknown>> = {
  ...{ true: true, True: true, false: false, False: false, null: null, None: null },
};
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\n": "" };

/** The calls, or null where the text is anything else. */
export function parseBracketCalls(text: string): readonly ToolCall[] | null {
  try {
    return new CallReader(text.trim()).calls();
  } catch (error) {
    if (error instanceof Unusable) return null;
    throw error;
  }
}

class CallReader {
  private at = 0;

  constructor(private readonly text: string) {}

  calls(): ToolCall[] {
    this.take("[");
    const calls = this.list("]", () => this.call());
    if (this.at < this.text.length || calls.length === 0) throw new Unusable("no list of calls");
    return calls;
  }

  private call(): ToolCall {
    const name = this.match(/[^()[\]{}'",=]+/y).trim();
    if (name === "") throw new Unusable("a call has no name");
    this.take("(");
    const entries = this.list(")", (): [string, unknown] => {
      const argument = this.match(/\s*[^\s()[\]{}'",=]+/y).trim();
      this.take("=");
      return [argument, this.value(0)];
    });
    const values: Fields = Object.fromEntries(entries);
    if (Object.keys(values).length !== entries.length) throw new Unusable("an argument is named twice");
    return { id: null, name, arguments: values };
  }

  private value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new Unusable("values nested too deep");
    this.space();
    switch (this.text[this.at]) {
      case "'":
      case '"':
        return this.string();
      case "[":
        this.at++;
        return this.list("]", () => this.value(depth + 1));
      case "{":
        this.at++;
        return Object.fromEntries(
          this.list("}", () => {
            this.space();
            const key = this.string();
            this.take(":");
            return [key, this.value(depth + 1)];
          }),
        );
    }
    const word = this.match(/[\w.+-]+/y);
    if (Object.hasOwn(WORDS, word)) return WORDS[word];
    if (!/^[+-]?\d+(\.\d*)?(e[+-]?\d+)?$/i.test(word)) throw new Unusable(`no value: ${word}`);
    return Number(word);
  }

  private string(): string {
    const quote = this.text[this.at];
    if (quote !== "'" && quote !== '"') throw new Unusable("no string");
    let value = "";
    for (this.at++; this.at < this.text.length; this.at++) {
      const character = this.text[this.at];
      if (character === quote) {
        this.at++;
        return value;
      }
      if (character !== "\\") value += character;
      else {
        const escaped = this.text[++this.at] ?? "";
        value += ESCAPES[escaped] ?? escaped;
      }
    }
    throw new Unusable("a string without an end");
  }

  /** Items with commas between, up to `end`. */
  private list<Item>(end: string, item: () => Item): Item[] {
    const items: Item[] = [];
    this.space();
    while (this.text[this.at] !== end) {
      if (items.length > 0) this.take(",");
      this.space();
      items.push(item());
      this.space();
    }
    this.at++;
    return items;
  }

  private take(character: string): void {
    this.space();
    if (this.text[this.at] !== character) throw new Unusable(`no ${character}`);
    this.at++;
  }

  private space(): void {
    this.match(/\s*/y);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) throw new Unusable("something else");
    this.at = pattern.lastIndex;
    return found[0];
  }
}
