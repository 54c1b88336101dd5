/** A disk that can really be full: a small file system in memory. */
import { spawnSync } from "node:child_process";
import { onTestFinished } from "vitest";
import { newFolder } from "./content.js";

export const NEEDS = "mounting a tmpfs needs root with CAP_SYS_ADMIN";

/** Mounts a file system of this size for the running test; null when this user may not. */
export function mountSmall(bytes: number): string | null {
  const folder = newFolder();
  if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder]).status !== 0) return null;
  onTestFinished(() => void spawnSync("umount", [folder]));
  return folder;
}
