/**
 * What the machine can do at most, measured beside the steps, and what that says about each operation: its floor is the larger of its
 * bytes at the speed of a copy and its FLOPs at the speed of the largest product. No version of the operation could run much faster on data that come from memory; what a
 * processor's caches hold may.
 */
import { UserError } from "../base/errors.js";
import type { Ceiling, CopyCeiling, OperationTime, Product, Profiled } from "./profiled.js";
import type { BenchShape } from "./shape.js";

export interface Ceilings {
  /** Null for an engine that cannot run a product or a copy by itself, or has no memory left for it. */
  readonly matmul: Ceiling | null;
  readonly copy: CopyCeiling | null;
}

/** From this many FLOPs on a product fills a graphics card; smaller shapes are measured as they are. */
const LARGE_FLOPS = 2 ** 33;
/** Fills any card. */
const SQUARE: Product = { rows: 8192, columns: 8192, inner: 8192 };
/** Several times what a processor's caches hold, and a card's; a small shape shows nothing of a card. */
const COPY_BYTES = { processor: 2 ** 26, card: 2 ** 28, small: 2 ** 20 };

/** A card reaches its ceiling at large sizes only; a processor is measured at the size of the shape. */
export async function measureCeilings(engine: Profiled, shape: BenchShape): Promise<Ceilings> {
  const largest = largestProduct(shape);
  const { rows, columns, inner } = largest;
  const large = 2 * rows * columns * inner >= LARGE_FLOPS;
  const onCard = engine.deviceMemory !== undefined;
  const product = large && onCard ? SQUARE : largest;
  const bytes = COPY_BYTES[onCard ? (large ? "card" : "small") : "processor"];
  return {
    matmul: (await whereMemoryLasts(() => engine.matmulCeiling?.(product))) ?? null,
    copy: (await whereMemoryLasts(() => engine.copyCeiling?.(bytes))) ?? null,
  };
}

/** A model may fill a card to the last gigabyte. */
async function whereMemoryLasts<T>(measured: () => T | Promise<T>): Promise<T | null> {
  try {
    return await measured();
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

/** Milliseconds that an operation takes at least; null where the engine does not tell what it moves, or nothing was measured. */
export function floorOf({ bytes, flops = 0 }: OperationTime, { matmul, copy }: Ceilings): number | null {
  if (bytes === undefined || copy === null || (flops > 0 && matmul === null)) return null;
  const multiplying = matmul === null ? 0 : flops / matmul.flopsPerSecond;
  return 1000 * Math.max(bytes / copy.bytesPerSecond, multiplying);
}

/** The largest of a micro-batch's products: head, gate and up together, or q, k and v together. */
export function largestProduct({ architecture, rows, length }: BenchShape): Product {
  const { width, heads, kvHeads, headWidth, feedForward, vocabulary } = architecture;
  const columns = Math.max(vocabulary, 2 * feedForward, (heads + 2 * kvHeads) * headWidth);
  return { rows: rows * length, columns, inner: width };
}
