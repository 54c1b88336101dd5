/** Whether a process recorded earlier still runs, although process numbers are used again (in a container, at every start). */
import { readFileSync } from "node:fs";
import { systemCode } from "./errors.js";

/**
 * What tells a process from all others that had or will have its number: boot and start time, in clock ticks since boot.
 * Null when it does not run, is a zombie (killed, not yet waited for by its parent), or the system has no /proc.
 */
export function startOfProcess(pid: number): string | null {
  try {
    // proc_pid_stat(5): after the command in parentheses, which may hold anything, come field 3 (state) and so on to 22 (starttime).
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return fields[0] === "Z" || fields[0] === "X" ? null : `${boot} ${fields[19]}`;
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
}

/** Whether the process with this number, started when `started` says (null: not known), runs on this machine. */
export function isRunning(pid: number, started: string | null): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not permitted: it is there, under another user.
    if (systemCode(error) !== "EPERM") return false;
  }
  return started === null || startOfProcess(process.pid) === null || startOfProcess(pid) === started;
}
