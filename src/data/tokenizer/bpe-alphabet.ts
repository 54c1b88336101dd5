/**
 * The byte alphabet of byte-level tokenizers: every byte has one printable character, so that a vocabulary is a list of plain strings.
 * Printable Latin-1 stands for itself, every other byte for the next free character from U+0100 on (Radford et al. 2019, GPT-2).
 */

/** The character of each byte, 256 of them. */
export const BYTE_CHARACTERS: readonly string[] = makeAlphabet();

function makeAlphabet(): string[] {
  const printable = (byte: number): boolean =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte <= 0xff && byte !== 0xad);
  let free = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : free++));
}

/** UTF-8 bytes as a string of byte characters. */
export function bytesToCharacters(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += BYTE_CHARACTERS[byte];
  return text;
}

const BYTE_OF_CHARACTER = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** The bytes that a token stands for; one with a character outside the alphabet (an added token, as a rule) stands for its own UTF-8. */
export function bytesOfToken(token: string): Buffer {
  const bytes = Array.from(token, (character) => BYTE_OF_CHARACTER.get(character));
  return bytes.every((byte) => byte !== undefined) ? Buffer.from(bytes) : Buffer.from(token, "utf8");
}
