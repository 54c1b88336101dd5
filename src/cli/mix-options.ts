/** What the commands under `mix` that make runs share. */
import { type Command, InvalidArgumentError } from "commander";
import type { SweepOptions } from "../mixlaw/sweep/make-runs.js";
import { type Terminal, wholeNumber, withOverrides, writer } from "./options.js";

export function withSweep(command: Command, description: string): Command {
  return withOverrides(command.description(description).requiredOption("-c, --config <file>", "the sweep (YAML)"));
}

export interface DeviceOptions {
  readonly devices?: readonly number[];
}

export function withDevices(command: Command): Command {
  return command.option(
    "--devices <list>",
    "cards, one process each, such as 0,1,2,3 (default: one run after another)",
    devices,
  );
}

/**
 * Makes runs until they are made or a signal comes; a second signal ends the process.
 * @param entry the file that this process runs, for the processes of the runs.
 */
export async function withRuns(
  terminal: Terminal,
  entry: string,
  cards: readonly number[] | undefined,
  work: (options: SweepOptions & { readonly write: (text: string) => void }) => Promise<unknown>,
): Promise<void> {
  const stop = new AbortController();
  const unlisten = terminal.onSignal(() => {
    if (stop.signal.aborted) terminal.abort();
    stop.abort();
    terminal.err.write("\nstopping after the steps under way; once more to stop at once\n");
  });
  try {
    await work({
      command: [process.execPath, ...process.execArgv, entry],
      devices: cards ?? null,
      stop: stop.signal,
      progress: terminal.err,
      write: writer(terminal),
    });
  } finally {
    unlisten();
  }
}

function devices(text: string): readonly number[] {
  const list = text.split(",").map((each) => wholeNumber(each));
  if (new Set(list).size < list.length) throw new InvalidArgumentError("each card once");
  return list;
}
