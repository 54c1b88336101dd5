/**
 * What we use of `@huggingface/tokenizers`, with types: the package's own declarations import without file extensions, which Node's module
 * resolution does not follow, so that TypeScript sees `any` or nothing there. Only `tokenizer.ts` imports the package itself.
 */

/** A tokenizer of the library. */
export interface LibraryTokenizer {
  /** Ids are `undefined` where the model knows no token, whatever the type says. */
  encode(
    text: string,
    options: { readonly add_special_tokens: boolean },
  ): { readonly ids: readonly (number | undefined)[] };
  /** @throws Error for an empty list. */
  decode(
    ids: readonly number[],
    options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean },
  ): string;
}

declare module "@huggingface/tokenizers" {
  export class SplitPreTokenizer {
    constructor(config: {
      readonly type: "Split";
      readonly pattern: { readonly Regex: string };
      readonly behavior: "Isolated";
      readonly invert: boolean;
    });
    readonly pattern: RegExp | null;
  }
}
