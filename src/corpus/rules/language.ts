/** Which language a text is in. */
import { eld } from "eld/small";

/** Characters that are looked at: a page says what the book is in. */
const BEGINNING = 2000;

/** The language's tag, such as `en`, or null where the text does not say clearly enough. */
export function languageOfText(text: string): string | null {
  const found = eld.detect(text.slice(0, BEGINNING));
  return found.isReliable() && found.language !== "" ? found.language : null;
}
