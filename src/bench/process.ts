/** A program run to its end, with what it printed; progress by the second meanwhile. */
import { spawn } from "node:child_process";

export interface Ended {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TICK_MS = 1000;
/** Kept of each stream, from its end. */
const KEPT = 1 << 20;

/**
 * @param onTick called at once and every second with the seconds so far.
 * @param stop when it fires, the program is asked to end (SIGTERM). With it the program is in a process group of its own, so that a
 * terminal's Ctrl-C reaches only its parent, who asks.
 * @throws Error with the system's code when the program cannot be started.
 */
export async function runProcess(
  command: readonly string[],
  onTick: (seconds: number) => void,
  stop: AbortSignal | null = null,
): Promise<Ended> {
  const [program = "", ...args] = command;
  const started = performance.now();
  const tick = (): void => onTick(Math.round((performance.now() - started) / 1000));
  tick();
  const timer = setInterval(tick, TICK_MS);
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: stop !== null });
      const end = (): void => void child.kill("SIGTERM");
      if (stop?.aborted) end();
      stop?.addEventListener("abort", end, { once: true });
      const output = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const)
        child[name].setEncoding("utf8").on("data", (text: string) => {
          output[name] = (output[name] + text).slice(-KEPT);
        });
      child.on("error", reject);
      child.on("close", (code, signal) => {
        stop?.removeEventListener("abort", end);
        resolve({ code, signal, ...output });
      });
    });
  } finally {
    clearInterval(timer);
  }
}

/** How it ended and its last words, for a message. */
export function lastWords({ code, signal, stderr, stdout }: Ended, lines = 5): string {
  const end = code === null ? `ended by ${signal}` : `exit code ${code}`;
  const words = (stderr.trim() === "" ? stdout : stderr).trim().split("\n").slice(-lines).join("\n    ");
  return words === "" ? end : `${end}:\n    ${words}`;
}
