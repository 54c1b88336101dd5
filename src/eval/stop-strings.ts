/** Where a text that comes in pieces ends: before the stop string that is the first to be complete, wherever the pieces are cut. */

export interface Stopped {
  /** What may be shown now: it neither holds a stop string nor can be the beginning of one. */
  readonly text: string;
  readonly stopped: boolean;
}

/** Holds back the end of the text as long as it may be the beginning of a stop string. */
export class StopStrings {
  private waiting = "";

  /** @param stops not empty ones. */
  constructor(private readonly stops: readonly string[]) {}

  push(piece: string): Stopped {
    const text = this.waiting + piece;
    const found = firstStop(text, this.stops);
    if (found !== null) {
      this.waiting = "";
      return { text: text.slice(0, found), stopped: true };
    }
    const held = Math.max(0, ...this.stops.map((stop) => beginningAtEnd(text, stop)));
    this.waiting = text.slice(text.length - held);
    return { text: text.slice(0, text.length - held), stopped: false };
  }

  /** What was held back: nothing more comes that could complete a stop string. */
  end(): string {
    const rest = this.waiting;
    this.waiting = "";
    return rest;
  }
}

/** Where the stop begins that is complete first, the longest of those that end there: however the text comes, it is the same one. */
function firstStop(text: string, stops: readonly string[]): number | null {
  const found = stops
    .map((stop) => ({ at: text.indexOf(stop), length: stop.length }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at + a.length - (b.at + b.length) || a.at - b.at);
  return found[0]?.at ?? null;
}

/** Length of the longest end of the text that a stop string begins with. */
function beginningAtEnd(text: string, stop: string): number {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length--)
    if (stop.startsWith(text.slice(text.length - length))) return length;
  return 0;
}
