/**
 * Loads every module of the bundle that this file lies in, and every package that its package.json names: what is missing fails here and
 * not on a host without network. Run from inside the bundle, with the bundle's Node.js.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
// Workers begin to work as soon as they are loaded.
const modules = readdirSync(join(folder, "dist"), { recursive: true, encoding: "utf8" }).filter(
  (path) => path.endsWith(".js") && !path.endsWith("-worker.js"),
);
const targets = [
  ...Object.keys(dependencies),
  ...modules.map((path) => pathToFileURL(join(folder, "dist", path)).href),
];
const reasons = new Set();
for (const target of targets) await import(target).catch((error) => reasons.add(error.message));
for (const reason of reasons) console.error(`bundle: ${reason}`);
process.exitCode = reasons.size > 0 ? 1 : 0;
