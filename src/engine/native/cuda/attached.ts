/** A card of this machine, looked at for a moment: what it is and how much of its memory is free. Nothing is compiled. */
import type { CardMemory } from "./cards.js";
import { openDriver } from "./ffi/driver.js";
import { findLibrary, type SearchPlaces } from "./ffi/libraries.js";
import { openContext } from "./runtime/context.js";

/** @throws UserError when there is no driver or no such card. */
export function attachedCard(places: SearchPlaces, index = 0): CardMemory {
  using context = openContext(openDriver(findLibrary("driver", { places }).path), index);
  const { name, computeCapability, memoryBytes } = context.card;
  return { name, computeCapability, memoryBytes, freeBytes: context.memory().freeBytes };
}
