/**
 * Token ids to text, one id at a time: what `generate` shows while it writes, and what `decode` does with a whole list.
 * Text comes out as soon as no later token can change it; the parts joined are exactly what Hugging Face's `decode` gives for all ids.
 */
import { bytesOfToken } from "./bpe-alphabet.js";

export interface TextStream {
  /** Takes the next id, in constant time, and returns the text that is certain now; an id that no token has adds nothing. */
  push(id: number): string;
  /** The rest, where broken UTF-8 has become U+FFFD. The stream is then as new. */
  end(): string;
}

/** The same over the spellings of tokens. */
export interface SpellingStream {
  push(token: string): string;
  end(): string;
}

/** Byte-level tokens: all bytes are one UTF-8 text, so that at most three bytes wait for the rest of their character. */
export class ByteLevelStream implements SpellingStream {
  private waiting: Buffer = Buffer.alloc(0);

  /** `known`: bytes of tokens met so far, which streams of one tokenizer share. */
  constructor(private readonly known: Map<string, Buffer>) {}

  push(token: string): string {
    const bytes = this.known.get(token) ?? bytesOfToken(token);
    this.known.set(token, bytes);
    const all = this.waiting.length === 0 ? bytes : Buffer.concat([this.waiting, bytes]);
    const whole = wholeLength(all);
    this.waiting = all.subarray(whole);
    return all.toString("utf8", 0, whole);
  }

  end(): string {
    const rest = this.waiting.toString("utf8");
    this.waiting = Buffer.alloc(0);
    return rest;
  }
}

/** How many bytes are not the start of a character that may still become whole. Broken bytes count: they stay broken. */
function wholeLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const needed = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** One step of a chain: a token becomes any number of parts, maybe later. */
export interface DecodingStep {
  push(part: string): readonly string[];
  end(): readonly string[];
}

/** The decoders of sentencepiece-style tokenizers, one after another. */
export class ChainStream implements SpellingStream {
  constructor(private readonly steps: readonly DecodingStep[]) {}

  push(token: string): string {
    return this.run([token], this.steps);
  }

  end(): string {
    return this.steps.map((step, at) => this.run(step.end(), this.steps.slice(at + 1))).join("");
  }

  private run(parts: readonly string[], steps: readonly DecodingStep[]): string {
    let now = parts;
    for (const step of steps) now = now.flatMap((part) => step.push(part));
    return now.join("");
  }
}

/** A step that looks at one part only; `first` tells whether it is the stream's first. */
export class EachPart implements DecodingStep {
  private first = true;

  constructor(private readonly change: (part: string, first: boolean) => string) {}

  push(part: string): readonly string[] {
    const changed = this.change(part, this.first);
    this.first = false;
    return [changed];
  }

  end(): readonly string[] {
    this.first = true;
    return [];
  }
}

/**
 * Runs of tokens like `<0xE2>`: the bytes of a run are one text, or, if they are not UTF-8, one U+FFFD each. The run's last byte decides,
 * so that a run waits for its end: a line feed, which is such a token, comes with the token behind it.
 */
export class ByteRuns implements DecodingStep {
  private run: number[] = [];

  push(part: string): readonly string[] {
    const byte = /^<0x([+\da-f][\da-f])>$/i.exec(part);
    if (byte === null) return [...this.end(), part];
    this.run.push(Number.parseInt(byte[1], 16));
    return [];
  }

  end(): readonly string[] {
    const bytes = Buffer.from(this.run);
    this.run = [];
    const text = bytes.toString("utf8");
    return Buffer.from(text, "utf8").equals(bytes) ? (text === "" ? [] : [text]) : Array.from(bytes, () => "\ufffd");
  }
}

/** Removes up to `most` times `content` (one character) from where the stream starts, whatever parts it comes in. */
export class StripStart implements DecodingStep {
  private left: number;

  constructor(
    private readonly content: string,
    private readonly most: number,
  ) {
    this.left = most;
  }

  push(part: string): readonly string[] {
    if (part === "" || this.left === 0) return [part];
    let at = 0;
    for (; this.left > 0 && part.startsWith(this.content, at); this.left--) at += this.content.length;
    if (at < part.length) this.left = 0;
    return [part.slice(at)];
  }

  end(): readonly string[] {
    this.left = this.most;
    return [];
  }
}
