/**
 * Whether this machine has a card that the engine can use: says which, or why not and ends with 77.
 *   node scripts/gpu/probe.mjs
 */
import { pathToFileURL } from "node:url";
import { openDriver } from "../../dist/engine/native/cuda/ffi/driver.js";
import { findLibrary, placesFrom } from "../../dist/engine/native/cuda/ffi/libraries.js";
import { openContext } from "../../dist/engine/native/cuda/runtime/context.js";

/** The card and its driver in a line. @throws UserError where there is none. */
function describeCard() {
  const context = openContext(openDriver(findLibrary("driver", { places: placesFrom(process.env) }).path));
  try {
    const { name, computeCapability, multiprocessors, memoryBytes } = context.card;
    const { major, minor } = context.driverVersion;
    const memory = `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`;
    return `${name}, ${memory}, ${multiprocessors} multiprocessors, compute capability ${computeCapability.join(".")}, driver for CUDA ${major}.${minor}`;
  } finally {
    context[Symbol.dispose]();
  }
}

/** Why there is no card, as `no card: …`, or null. */
export function cardMissing() {
  try {
    describeCard();
    return null;
  } catch (error) {
    return `no card: ${String(error.message).split("\n", 1)[0]}`;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const missing = cardMissing();
  console.log(missing ?? describeCard());
  if (missing !== null) process.exitCode = 77;
}
