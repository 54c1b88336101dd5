/** The two places a run speaks to: JSON lines in the run's folder (pino), always, and one line of progress on the terminal. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { destination, pino } from "pino";

/** A log of JSON lines: each has `level`, `time` (milliseconds since 1970), `event` and the event's own fields. */
export interface RunLog extends Disposable {
  event(event: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Appends to `path`. Lines are written synchronously: what was logged before a kill is in the file. */
export function openRunLog(path: string): RunLog {
  mkdirSync(dirname(path), { recursive: true });
  const file = destination({ dest: path, sync: true });
  const logger = pino({ base: null, formatters: { level: (level) => ({ level }) } }, file);
  return {
    event: (event, fields) => logger.info({ event, ...fields }),
    [Symbol.dispose]: () => file.end(),
  };
}

/** Where progress goes; `process.stderr` and `process.stdout` are such streams. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shortest time between two drawings of the live line, so that fast loops do not flood the terminal. */
const REDRAW_MS = 100;

/** One live line on a terminal, rewritten in place; elsewhere only the permanent lines are written. */
export class ProgressLine implements Disposable {
  readonly live: boolean;
  readonly #stream: ProgressStream;
  #drawnAt = 0;
  #shown = false;

  constructor(stream: ProgressStream) {
    this.#stream = stream;
    this.live = stream.isTTY === true;
  }

  /** Redraws the live line; does nothing when not a terminal. */
  update(text: string): void {
    const now = Date.now();
    if (!this.live || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    const width = (this.#stream.columns ?? 80) - 1;
    this.#stream.write(`\r\u001b[2K${text.slice(0, width)}`);
    this.#shown = true;
  }

  /** Writes a line that stays. */
  line(text: string): void {
    this.clear();
    this.#stream.write(`${text}\n`);
  }

  /** Removes the live line. */
  clear(): void {
    if (this.#shown) this.#stream.write("\r\u001b[2K");
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
