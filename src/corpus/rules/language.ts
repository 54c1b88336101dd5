/** Which language a text is in. */

/** The language's tag, such as `en`, or null where the text does not say clearly enough. */
export type LanguageOf = (text: string) => string | null;

/** Characters that are looked at: a page says what the book is in. */
const BEGINNING = 2000;

/** Loads the detector only for who asks: its tables take about 130 MB. */
export async function loadLanguageDetector(): Promise<LanguageOf> {
  const { eld } = await import("eld/small");
  return (text) => {
    const found = eld.detect(text.slice(0, BEGINNING));
    return found.isReliable() && found.language !== "" ? found.language : null;
  };
}
