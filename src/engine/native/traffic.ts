/**
 * What an operation moves and multiplies, from its recorded sizes: a pure function, so that a program's traffic is known without running it.
 *
 * Bytes: every element that the operation must read or write, once each way, as if a perfect cache stood before memory; what it keeps
 * for itself and what it reads twice are not in it. So bytes over time is a lower bound of the traffic and says how far an operation is
 * from the speed of memory. FLOPs: products only, two for each multiply-add; attention's over the keys that causality and the window let
 * each token see. Document boundaries are data, and not deducted; so is how much a cache holds, and of it only the new tokens count.
 */

import type { Operation, OperationName } from "./call.js";
import { type Buffer, DTYPE_BYTES } from "./device.js";

export interface Traffic {
  readonly bytes: number;
  /** Zero where nothing is multiplied matrix by matrix. */
  readonly flops: number;
}

/** How often an operation goes over each of its buffers, in the order of `device.ts`: 1 for a read or a write, 2 for both. */
const ACCESSES: Readonly<Record<OperationName, readonly number[]>> = {
  zero: [1],
  embed: [1, 0, 1],
  embedBackward: [0, 1, 1],
  rmsNorm: [1, 1, 1, 1, 1],
  rmsNormBackward: [2, 2, 1, 1, 1, 1],
  matmul: [1, 1, 1, 1],
  addBias: [2, 1],
  addBiasBackward: [2, 1],
  add: [2, 1],
  copy: [1, 1],
  sliceColumns: [1, 0],
  placeColumns: [0, 1],
  placeRows: [0, 0, 1],
  rope: [0, 1, 1],
  attention: [1, 1, 1, 1, 0, 1],
  attentionBackward: [1, 1, 1, 1, 1, 1, 1],
  swiglu: [1, 1],
  swigluBackward: [1, 1, 1],
  crossEntropy: [1, 1, 1, 1, 1],
  squaredNorm: [1, 1],
  adamw: [2, 2, 2, 2, 2, 1],
};
/** abi.h: flags of a norm's backward and of cross-entropy. */
const OVERWRITES = 1;
const GRADIENT = 1;

export function trafficOf(operation: Operation): Traffic {
  const accesses = ACCESSES[operation.name];
  const whole = operation.buffers.reduce((sum, buffer, at) => sum + (accesses[at] ?? 0) * bytesOf(buffer), 0);
  return { bytes: whole + partOf(operation), flops: flopsOf(operation) };
}

function bytesOf(buffer: Buffer | null | undefined, elements: number | undefined = buffer?.size): number {
  return buffer === null || buffer === undefined ? 0 : DTYPE_BYTES[buffer.dtype] * (elements ?? 0);
}

/** Bytes of buffers that are used in part, or more often under some option. */
function partOf({ name, sizes, flags, buffers }: Operation): number {
  const [first = 0, second = 0, third = 0, fourth = 0] = sizes;
  switch (name) {
    case "embed": // rows of the table
      return bytesOf(buffers[1], first * second);
    case "embedBackward": // to rows of the table
      return 2 * bytesOf(buffers[0], first * second);
    case "rmsNorm": // the sum is written back
      return buffers[3] === null ? 0 : bytesOf(buffers[2]);
    case "rmsNormBackward":
      return (flags & OVERWRITES) !== 0 ? -bytesOf(buffers[0]) : 0;
    case "sliceColumns":
      return bytesOf(buffers[1], buffers[0]?.size);
    case "placeColumns":
      return bytesOf(buffers[0], buffers[1]?.size);
    case "placeRows": // read and written
      return 2 * bytesOf(buffers[1], first * second);
    case "rope": // heads of q and k, in place: [B·T, H, K, D]
      return 2 * bytesOf(buffers[0], first * (second + third) * fourth);
    case "crossEntropy":
      return (flags & GRADIENT) !== 0 ? bytesOf(buffers[1]) : 0;
    case "adamw": // with a master, the weight is only written
      return buffers[4] === null ? 0 : -bytesOf(buffers[0]);
    default:
      return 0;
  }
}

function flopsOf({ name, sizes }: Operation): number {
  const [first = 0, second = 0, third = 0] = sizes;
  switch (name) {
    case "matmul":
      return 2 * first * second * third;
    case "attention": // scores and the mix of values
      return 2 * attentionProduct(sizes);
    case "attentionBackward": // scores again, and the gradients of probabilities, queries, keys and values
      return 5 * attentionProduct(sizes);
    default:
      return 0;
  }
}

/** FLOPs of one product over all pairs of a token and a key that it sees; sizes are [B, T, H, K, D, window]. */
function attentionProduct([B = 0, T = 0, H = 0, , D = 0, window = 0]: readonly number[]): number {
  const seen = Math.min(window, T);
  const pairs = (seen * (seen + 1)) / 2 + (T - seen) * seen;
  return 2 * B * H * D * pairs;
}
