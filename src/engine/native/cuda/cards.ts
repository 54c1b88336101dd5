/**
 * Cards by name, so that a run can be planned without one.
 *
 * Memory is what CUDA reports as the card's (`cuDeviceTotalMem`, as in PyTorch's "total capacity"): less than on the box, since the driver
 * and error correction take theirs. None of it was read from a card by us: only the RTX 4090's was compared with reports (23.64 GiB). Bandwidth
 * and the peak of dense bf16 products with float32 sums, without sparsity and at the boost clock, are NVIDIA's figures as we remember them, to be
 * checked against the data sheets of H100 (SXM), H200, A100 (SXM) and L40S, HGX B200, and the architecture papers of Ada (RTX 4090) and Blackwell
 * (RTX 5090), whose bf16 peak with float32 sums is half of that with float16 sums.
 */
import { UserError } from "../../../base/errors.js";
import type { Card } from "./runtime/card.js";

export interface KnownCard {
  /** As on the command line. */
  readonly key: string;
  readonly name: string;
  readonly computeCapability: Card["computeCapability"];
  readonly memoryBytes: number;
  /** FLOP/s of dense bf16 products. */
  readonly peakFlops: number;
  /** Bytes a second. */
  readonly bandwidth: number;
}

/** What is on a card for a run. */
export interface CardMemory {
  readonly name: string;
  readonly computeCapability: Card["computeCapability"];
  readonly memoryBytes: number;
  /** Bytes that other programs leave. */
  readonly freeBytes: number;
}

const GIB = 2 ** 30;

function card(
  key: string,
  name: string,
  computeCapability: Card["computeCapability"],
  [gibibytes, teraflops, gigabytesPerSecond]: readonly [number, number, number],
): KnownCard {
  const memoryBytes = Math.floor(gibibytes * GIB);
  return {
    ...{ key, name, computeCapability, memoryBytes },
    ...{ peakFlops: teraflops * 1e12, bandwidth: gigabytesPerSecond * 1e9 },
  };
}

export const KNOWN_CARDS: readonly KnownCard[] = [
  card("b200", "NVIDIA B200 180 GB", [10, 0], [178.3, 2250, 8000]),
  card("h200", "NVIDIA H200 141 GB", [9, 0], [139.7, 989.4, 4800]),
  card("h100-80gb", "NVIDIA H100 SXM 80 GB", [9, 0], [79.1, 989.4, 3350]),
  card("a100-80gb", "NVIDIA A100 SXM 80 GB", [8, 0], [79.1, 312, 2039]),
  card("a100-40gb", "NVIDIA A100 SXM 40 GB", [8, 0], [39.3, 312, 1555]),
  card("l40s", "NVIDIA L40S 48 GB", [8, 9], [44.3, 362, 864]),
  card("rtx-5090", "NVIDIA GeForce RTX 5090 32 GB", [12, 0], [31.3, 209.5, 1792]),
  card("rtx-4090", "NVIDIA GeForce RTX 4090 24 GB", [8, 9], [23.5, 165.2, 1008]),
];

/** @throws UserError that lists the cards when there is none of this name. */
export function knownCard(key: string): KnownCard {
  const found = KNOWN_CARDS.find((each) => each.key === key.toLowerCase());
  if (found !== undefined) return found;
  throw new UserError({
    what: `the card ${JSON.stringify(key)} is not known`,
    where: "--card",
    expected: `one of ${KNOWN_CARDS.map((each) => each.key).join(", ")}`,
    hint: "for another one, name a known card and give its memory: `--set engine.memory=20GiB`",
  });
}

/** A card that nobody else uses. */
export function emptyCard({ name, computeCapability, memoryBytes }: KnownCard): CardMemory {
  return { name, computeCapability, memoryBytes, freeBytes: memoryBytes };
}
