/**
 * Decoding one sequence with the projections of all earlier tokens kept, by the operations of training.
 *
 * New tokens are projected into the next rows of each layer's cache; then attention runs over all rows so far. Earlier tokens' outputs
 * are not wanted, so their documents are said to start at themselves: each of them looks at one key only, and costs next to nothing.
 * The cache holds queries too, since attention reads all three from one row; they are H/(H + 2K) of it.
 */
import type { Architecture } from "../../model/architecture.js";
import type { DecodingSession } from "../engine.js";
import { checkTokens } from "../seam.js";
import type { Buffer, BufferSpec, Device, Dtype } from "./device.js";
import { forward } from "./forward.js";
import type { Passes } from "./passes.js";
import type { Roles } from "./roles.js";
import type { Turns } from "./turns.js";
import { type Activations, attentionShape, rowsFrom } from "./views.js";

/** Tokens that go through the layers together, so that a long prompt needs no more activations than a short one. */
const PORTION = 128;

/** What a session shares with its engine. */
export interface SessionHost {
  readonly device: Device;
  readonly architecture: Architecture;
  readonly weights: Roles;
  readonly passes: Passes;
  readonly turns: Turns;
}

/** Rows of S tokens, S being the session's limit. */
interface Cache {
  /** By layer. */
  readonly qkv_SX: readonly Buffer[];
  /** Attention's outputs; only the new tokens' rows mean anything, and no layer needs another's. */
  readonly mixed_SX: Buffer;
  readonly lse_SH: Buffer;
  readonly starts_S: Buffer;
  readonly rotary_SD: Buffer;
  /** All of them. */
  readonly buffers: readonly Buffer[];
}

export class NativeSession implements DecodingSession {
  readonly #host: SessionHost;
  readonly #maxLength: number;
  readonly #cache: Cache;
  #length = 0;
  #disposed = false;

  /** @throws UserError when memory is short. */
  constructor(host: SessionHost, maxLength: number) {
    this.#host = host;
    this.#maxLength = maxLength;
    this.#cache = allocate(host, maxLength);
  }

  /** @throws RangeError when nothing is fed, a token is outside the vocabulary or the session would grow beyond its length. */
  feed(tokens: readonly number[]): Promise<Float32Array> {
    return this.#host.turns.take(async () => {
      this.#check(tokens);
      if (this.#length === 0) this.#host.device.write(this.#cache.rotary_SD, this.#host.passes.rotary(this.#maxLength));
      let logits: Float32Array = new Float32Array();
      let seen = this.#length;
      for (let from = 0; from < tokens.length; from += PORTION) {
        const portion = tokens.slice(from, from + PORTION);
        logits = await this.#run(portion, seen);
        seen += portion.length;
      }
      this.#length = seen;
      return logits;
    });
  }

  #check(tokens: readonly number[]): void {
    if (this.#disposed) throw new Error("the session is disposed");
    if (tokens.length === 0) throw new RangeError("feed needs at least one token");
    if (this.#length + tokens.length > this.#maxLength)
      throw new RangeError(`the session holds ${this.#maxLength} tokens, ${this.#length + tokens.length} were fed`);
    checkTokens(tokens, this.#host.architecture.vocabulary);
  }

  /** Logits after the last of some tokens that follow `seen` others. */
  async #run(tokens: readonly number[], seen: number): Promise<Float32Array> {
    const { device, architecture, weights, passes } = this.#host;
    const own = passes.buffers({ rows: 1, length: tokens.length }, "evaluation");
    const a = withCache(device, own, this.#cache, seen, architecture);
    const hidden_1C = rowsFrom(device, a.hidden_NC, tokens.length - 1, 1);
    const logits_1V = rowsFrom(device, a.logits_RV, 0, 1);
    using program = device.record((ops) => {
      forward(ops, architecture, weights, a);
      ops.matmul(logits_1V, hidden_1C, weights.head_VC, { transposeB: true });
    });
    device.write(a.ids_N, Int32Array.from(tokens));
    device.write(
      a.positions_N,
      Int32Array.from(tokens, (_, index) => seen + index),
    );
    device.write(
      a.layers[0].sight.starts_N,
      Int32Array.from({ length: seen + tokens.length }, (_, at) => (at < seen ? at : 0)),
    );
    await device.run(program);
    return device.read(logits_1V);
  }

  /** Frees the cache, after what is being computed. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#host.turns.soon(() => this.#host.device.free(this.#cache.buffers));
  }
}

/** The buffers of a pass over some new tokens, with q, k, v and attention in the cache behind the tokens `seen` before. */
function withCache(
  device: Device,
  own: Activations,
  cache: Cache,
  seen: number,
  architecture: Architecture,
): Activations {
  const [count] = own.ids_N.shape;
  const length = seen + count;
  const layers = own.layers.map((layer, index) => ({
    ...layer,
    qkv_NX: rowsFrom(device, cache.qkv_SX[index], seen, count),
    mixed_NX: rowsFrom(device, cache.mixed_SX, seen, count),
    sight: {
      qkv_NX: rowsFrom(device, cache.qkv_SX[index], 0, length),
      mixed_NX: rowsFrom(device, cache.mixed_SX, 0, length),
      lse_NH: rowsFrom(device, cache.lse_SH, 0, length),
      starts_N: rowsFrom(device, cache.starts_S, 0, length),
      shape: attentionShape(architecture, 1, length),
    },
  }));
  return { ...own, layers, rotary_TD: cache.rotary_SD };
}

function allocate({ device, architecture, passes: { float } }: SessionHost, S: number): Cache {
  const { layers, heads, kvHeads, headWidth } = architecture;
  const spec = (name: string, shape: readonly number[], dtype: Dtype = "f32"): BufferSpec => ({ name, shape, dtype });
  const buffers = device.allocate([
    ...Array.from({ length: layers }, (_, layer) =>
      spec(`qkv ${layer}`, [S, (heads + 2 * kvHeads) * headWidth], float),
    ),
    spec("mixed", [S, heads * headWidth], float),
    spec("lse", [S, heads]),
    spec("starts", [S], "i32"),
    spec("rotary", [S, headWidth]),
  ]);
  const all = [...buffers.values()];
  const [mixed_SX, lse_SH, starts_S, rotary_SD] = all.slice(layers);
  return { qkv_SX: all.slice(0, layers), mixed_SX, lse_SH, starts_S, rotary_SD, buffers: all };
}
