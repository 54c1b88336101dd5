/**
 * Launches of attention and its gradient: bf16 on tensor cores, float32 on the ordinary ones. Tiles are chosen by the card's shared memory
 * and by how many blocks there are to share out; `attention_*.cu` say what each kernel does.
 *
 * A pair of a query and a key it sees costs 4·D flops forwards, in 2 products of tiles, and 14·D backwards, in 7: scores and dOut·v are made
 * twice, once for the gradient of queries and once for that of keys. In exchange each sum belongs to one warp and has one order.
 */
import type { AttentionShape } from "../../device.js";
import type { Card } from "../runtime/card.js";
import type { Address, Argument, KernelRef, Launch } from "../runtime/launch.js";
import { BLOCK, bytesOf, ceilDivide, f32, i32, pointer, powerOfTwoFrom, type Storage } from "./access.js";
import { chooseTile, PLAIN_ROWS, paddedWidth, type Tile, type TiledKernel, tileThreads } from "./attention-tiles.js";

/** out[N, H·D] and lse[N, H] (float32), from qkv[N, (H+2K)·D] and starts[N] (int32). */
export interface AttentionAddresses {
  readonly out: Address;
  readonly lse: Address;
  readonly qkv: Address;
  readonly starts: Address;
}

/** Keys and values of R rows of S tokens, (k, v) by token, and the place of each query's token among them (int32). */
export interface AttentionCache {
  readonly keysValues: Address;
  readonly places: Address;
  readonly S: number;
}

/** dQkv like qkv, dOut like out, scratch[N, H] float32: Σ dOut·out of each head. */
export interface AttentionGradientAddresses extends AttentionAddresses {
  readonly dQkv: Address;
  readonly scratch: Address;
  readonly dOut: Address;
}

/** Widths of heads that kernels exist for. */
export const WIDEST_HEAD = 256;

/** Two of a block's gradients fit into its registers up to this width of a head. */
const WIDEST_WITH_BOTH = 128;

const FILES: Readonly<Record<TiledKernel, string>> = {
  forward: "attention_forward.cu",
  queries: "attention_backward_queries.cu",
  keys: "attention_backward_keys.cu",
};
const NAMES: Readonly<Record<TiledKernel, string>> = {
  forward: "attention_forward",
  queries: "attention_backward_queries",
  keys: "attention_backward_keys",
};

/** Sets out and lse. Queries and keys are the same tokens, or the queries are the last of those in a cache. */
export function attention(
  at: AttentionAddresses & { readonly cache?: AttentionCache | null },
  shape: AttentionShape,
  storage: Storage,
  card: Card,
): Launch[] {
  checkShape(shape);
  const tile = chooseTile("forward", storage, shape, card);
  const { T, H, K, D } = shape;
  const cache = at.cache ?? null;
  const behindQueries = { keysValues: at.qkv + BigInt(H * D * bytesOf(storage)), places: null, S: T };
  const { keysValues, places, S } = cache ?? behindQueries;
  const keyPitch = (cache === null ? H + 2 * K : 2 * K) * D;
  const args = [at.out, at.lse, at.qkv, at.starts, keysValues, places].map(pointer);
  const sizes = [i32(keyPitch), i32(S), ...sizeArguments(shape, S)];
  return [tiledLaunch("forward", storage, shape, tile, [...args, ...sizes], cache === null ? {} : { CACHED: 1 })];
}

/** Sets all of dQkv. */
export function attentionBackward(
  at: AttentionGradientAddresses,
  shape: AttentionShape,
  storage: Storage,
  card: Card,
): Launch[] {
  checkShape(shape);
  const args = [at.dQkv, at.dOut, at.scratch, at.lse, at.qkv, at.starts].map(pointer).concat(sizeArguments(shape));
  const queries = chooseTile("queries", storage, shape, card);
  const keys = chooseTile("keys", storage, shape, card);
  return [
    dotsLaunch(at, shape, storage, queries),
    tiledLaunch("queries", storage, shape, queries, args),
    ...keyParts(storage, shape).map((part) => tiledLaunch("keys", storage, shape, keys, args, part)),
  ];
}

function checkShape({ B, H, K, D, window }: AttentionShape): void {
  if (!Number.isInteger(H / K)) throw new Error(`attention: ${K} key/value heads cannot be shared by ${H} heads`);
  if (D > WIDEST_HEAD) throw new Error(`attention: heads are ${D} wide, kernels go to ${WIDEST_HEAD}`);
  if (window !== null && window < 1) throw new Error(`attention: a window of ${window} tokens sees nothing`);
  if (B > 65535) throw new Error(`attention: ${B} rows are more than a grid has, 65535`);
}

/** A window of all `S` keys is none. */
function sizeArguments({ T, H, K, D, window }: AttentionShape, S = T): Argument[] {
  return [i32(T), i32(H), i32(K), i32(Math.min(window ?? S, S)), f32(Math.fround(1 / Math.sqrt(D)))];
}

/** The gradients that one launch of the keys' kernel sets. */
function keyParts(storage: Storage, { D }: AttentionShape): Readonly<Record<string, number>>[] {
  if (storage === "f32") return [{}];
  if (D <= WIDEST_WITH_BOTH) return [{ SET_KEYS: 1, SET_VALUES: 1 }];
  return [
    { SET_KEYS: 0, SET_VALUES: 1 },
    { SET_KEYS: 1, SET_VALUES: 0 },
  ];
}

/** A kernel whose blocks own rows of one head: queries, or keys of a key/value head. */
function tiledLaunch(
  kernel: TiledKernel,
  storage: Storage,
  shape: AttentionShape,
  tile: Tile,
  args: readonly Argument[],
  extraDefines: KernelRef["defines"] = {},
): Launch {
  const { file, name, defines } = kernelOf(FILES[kernel], NAMES[kernel], storage, shape, tile);
  return {
    kind: "launch",
    kernel: { file, name, defines: { ...defines, ...extraDefines } },
    grid: [kernel === "keys" ? shape.K : shape.H, shape.B, ceilDivide(shape.T, tile.owned)],
    block: [tileThreads(storage, tile), 1, 1],
    sharedBytes: tile.sharedBytes,
    args,
  };
}

/** Σ dOut·out: in float32 a thread has a head of a token, in bf16 a team of threads with 8 values each. */
function dotsLaunch(at: AttentionGradientAddresses, shape: AttentionShape, storage: Storage, tile: Tile): Launch {
  const heads = shape.B * shape.T * shape.H;
  const team = storage === "f32" ? 1 : Math.max(4, powerOfTwoFrom(paddedWidth(shape.D) / 8));
  return {
    kind: "launch",
    kernel: kernelOf(FILES.queries, "attention_dots", storage, shape, tile),
    grid: [ceilDivide(heads * team, BLOCK), 1, 1],
    block: [BLOCK, 1, 1],
    sharedBytes: 0,
    args: [pointer(at.scratch), pointer(at.dOut), pointer(at.out), i32(heads)],
  };
}

/** The float32 kernels are in one file, compiled for one tile. */
function kernelOf(file: string, name: string, storage: Storage, { D }: AttentionShape, tile: Tile): KernelRef {
  if (storage === "f32")
    return {
      file: "attention_f32.cu",
      name: `${name}_f32`,
      defines: { HEAD_WIDTH: D, ROWS: PLAIN_ROWS, BLOCK: tile.blockK },
    };
  const { blockQ, blockK, warps, stages } = tile;
  return { file, name, defines: { HEAD_WIDTH: D, BLOCK_Q: blockQ, BLOCK_K: blockK, WARPS: warps, STAGES: stages } };
}
