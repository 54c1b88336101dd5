/**
 * What a card's data sheet promises: dense products of bf16 with float32 sums, found by the name that the driver gives the card. Sheets often
 * print twice as much in larger letters, with sparsity. A card that is not found has no peak.
 */
import { KNOWN_CARDS } from "../engine/native/cuda/cards.js";

export interface CardPeak {
  readonly card: string;
  readonly flopsPerSecond: number;
}

/** By what the driver's name contains; the first row that matches counts. FLOP/s where the card is no `KNOWN_CARDS` (NVIDIA's data sheets). */
const NAMES: readonly (readonly [pattern: RegExp, card: string, flopsPerSecond?: number])[] = [
  [/\bB200\b/, "b200"],
  [/\bH[12]00 NVL\b/i, "H100 or H200 NVL", 835.5e12],
  [/\bG?H200\b/, "h200"],
  [/\bH100 PCIe\b/i, "H100 PCIe", 756e12],
  [/\bH100\b/, "h100-80gb"],
  [/\bA100\b/, "a100-80gb"],
  [/\bL40S\b/, "l40s"],
  [/\bL4\b/, "L4", 121e12],
  [/\bA10\b/, "A10", 125e12],
  [/\bRTX 5090\b(?! (?:D|Laptop))/, "rtx-5090"],
  [/\bRTX 4090\b(?! (?:D|Laptop))/, "rtx-4090"],
];

/** @param device begins with the driver's name of the card. */
export function cardPeak(device: string): CardPeak | null {
  const [, name = null, own] = NAMES.find(([pattern]) => pattern.test(device)) ?? [];
  if (name === null) return null;
  const known = KNOWN_CARDS.find(({ key }) => key === name);
  const flopsPerSecond = own ?? known?.peakFlops;
  return flopsPerSecond === undefined ? null : { card: known?.name ?? name, flopsPerSecond };
}
