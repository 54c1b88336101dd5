/** Preprocessed C as tokens, cut into the declarations of its outermost level. */

export type Declaration = readonly string[];

/** Identifiers, numbers, literals and single punctuation marks; lines of the preprocessor are dropped. */
export function tokensOf(text: string): string[] {
  const plain = text.replace(/^\s*#.*$/gm, "");
  return plain.match(/[A-Za-z_]\w*|\d[\w.]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\.\.\.|[^\s\w]/g) ?? [];
}

/** Declarations end with `;`, or with the body of a function, which is dropped. */
export function declarationsOf(tokens: readonly string[]): Declaration[] {
  const found: string[][] = [];
  let current: string[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === ";") {
      if (current.length > 0) found.push(current);
      current = [];
    } else if (token === "{") {
      const end = closing(tokens, at);
      const isBody = current.at(-1) === ")" && current[0] !== "typedef";
      if (isBody) current = [];
      else current.push("{", "}");
      at = end;
    } else current.push(token);
  }
  return found.map((declaration) => withoutExtensions(declaration)).filter((declaration) => declaration.length > 0);
}

/** Position of the bracket that closes the one at `open`; the last token where none does. */
export function closing(tokens: readonly string[], open: number): number {
  const pairs: Readonly<Record<string, string>> = { "{": "}", "(": ")", "[": "]" };
  const [opens, closes] = [tokens[open], pairs[tokens[open]]];
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (tokens[at] === opens) depth++;
    if (tokens[at] === closes) depth--;
    if (depth === 0) return at;
  }
  return tokens.length - 1;
}

const WITH_BRACKETS = /^(__attribute__|__attribute|__declspec|__asm__|asm|__nonnull)$/;
const MEANINGLESS =
  /^(const|volatile|extern|static|inline|register|restrict|__inline__|__inline|__extension__|__restrict__|__restrict|__const|__volatile__)$/;

/** Without what does not change how a function is called. `const` goes too: a pointer is a pointer. */
function withoutExtensions(tokens: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < tokens.length; at++) {
    if (WITH_BRACKETS.test(tokens[at]) && tokens[at + 1] === "(") at = closing(tokens, at + 1);
    else if (!MEANINGLESS.test(tokens[at])) kept.push(tokens[at]);
  }
  return kept;
}
