/** Facts of cards that tiles are chosen by, from the vendor's tables (CUDA programming guide, "Compute Capabilities"; data sheets). */
import type { Card } from "../../../../../src/engine/native/cuda/runtime/card.js";

const KIB = 1024;
const GIB = KIB ** 3;

export const CARDS = {
  a100: {
    name: "A100 80 GB",
    computeCapability: [8, 0],
    multiprocessors: 108,
    memoryBytes: 80 * GIB,
    sharedBytesPerBlock: 163 * KIB,
    l2Bytes: 40 * KIB ** 2,
  },
  rtx4090: {
    name: "RTX 4090",
    computeCapability: [8, 9],
    multiprocessors: 128,
    memoryBytes: 24 * GIB,
    sharedBytesPerBlock: 99 * KIB,
    l2Bytes: 72 * KIB ** 2,
  },
  h100: {
    name: "H100 80 GB",
    computeCapability: [9, 0],
    multiprocessors: 132,
    memoryBytes: 80 * GIB,
    sharedBytesPerBlock: 227 * KIB,
    l2Bytes: 50 * KIB ** 2,
  },
} as const satisfies Record<string, Card>;
