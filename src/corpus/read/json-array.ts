/** A JSON array of any length as the bytes of its items: only brackets and strings are looked at, so memory is one item. */

/** An item, counted from 1, or why there is none. */
export type ArrayItem = { readonly number: number } & ({ readonly bytes: Uint8Array } | { readonly why: string });

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
/** `[` and `{`; the closing ones are two further. */
const OPENING = [0x5b, 0x7b] as const;
const CLOSING = [0x5d, 0x7d] as const;

/** The items between the first bracket and its partner. What is wrong inside an item stays in it, and what follows the array is one more. */
export async function* splitArray(chunks: AsyncIterable<Uint8Array>, maxItemBytes: number): AsyncGenerator<ArrayItem> {
  const scan = new ArrayScan(maxItemBytes);
  for await (const chunk of chunks) yield* scan.push(chunk);
  yield* scan.end();
}

class ArrayScan {
  private depth = 0;
  private inString = false;
  private escaped = false;
  private ended = false;
  private pieces: Uint8Array[] = [];
  private bytes = 0;
  private number = 0;

  constructor(private readonly maxBytes: number) {}

  *push(chunk: Uint8Array): Generator<ArrayItem> {
    let start = 0;
    for (let at = 0; at < chunk.length && !this.ended; at++) {
      const byte = chunk[at];
      if (this.inString) this.insideString(byte);
      else if (byte === QUOTE) this.inString = true;
      else if (byte === OPENING[0] || byte === OPENING[1]) {
        if (this.depth++ === 0) start = at + 1;
      } else if (byte === CLOSING[0] || byte === CLOSING[1]) {
        this.depth--;
        this.ended = this.depth <= 0;
      }
      if (!this.inString && (this.ended || (byte === COMMA && this.depth === 1))) {
        this.append(chunk.subarray(start, at));
        // An array without items has one blank piece, which is none.
        if (!(this.ended && this.number === 0 && this.blank())) yield this.take();
        start = at + 1;
      }
    }
    this.append(chunk.subarray(start));
  }

  *end(): Generator<ArrayItem> {
    if (!this.blank()) yield this.take();
    if (!this.ended) yield { number: this.number + 1, why: "the array has no end" };
  }

  private insideString(byte: number): void {
    if (this.escaped) this.escaped = false;
    else if (byte === BACKSLASH) this.escaped = true;
    else if (byte === QUOTE) this.inString = false;
  }

  private append(piece: Uint8Array): void {
    this.bytes += piece.length;
    if (this.bytes > this.maxBytes) this.pieces = [];
    else if (piece.length > 0) this.pieces.push(piece);
  }

  private take(): ArrayItem {
    const number = ++this.number;
    const item =
      this.bytes > this.maxBytes
        ? { number, why: `the item is longer than ${this.maxBytes} bytes` }
        : { number, bytes: Buffer.concat(this.pieces) };
    this.pieces = [];
    this.bytes = 0;
    return item;
  }

  private blank(): boolean {
    return this.bytes <= this.maxBytes && this.pieces.every((piece) => piece.every((byte) => byte <= 0x20));
  }
}
