/**
 * Decoding with the keys and values of all earlier tokens kept, by the operations of training.
 *
 * A pass takes either the next portion of one row's prompt, or the next token of many rows. Where its tokens stand in the cache is data and
 * not part of the program, so one program serves all passes of a size: a token costs no recording. Rows are independent in every operation,
 * and the CPU's products of few rows compute each row as they would alone.
 */
import type { Architecture } from "../../model/architecture.js";
import type { DecodingSession, SessionOptions } from "../engine.js";
import { SessionRows } from "../seam.js";
import type { Buffer, BufferSpec, Device, Dtype } from "./device.js";
import { forward } from "./forward.js";
import type { Passes, RecordedPass } from "./passes.js";
import type { Roles } from "./roles.js";
import type { Turns } from "./turns.js";
import { type Activations, rowsFrom } from "./views.js";

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

/** R rows of S tokens, as `KeyValueCache`. */
interface Cache {
  /** By layer. */
  readonly keysValues_RSY: readonly Buffer[];
  /** For as many tokens as a pass may have. */
  readonly places: Buffer;
  readonly rotary_SD: Buffer;
  /** All of them. */
  readonly buffers: readonly Buffer[];
}

/** Consecutive tokens of a row. */
interface Piece {
  readonly row: number;
  /** Place in the row of the first. */
  readonly from: number;
  readonly tokens: readonly number[];
}

export class NativeSession implements DecodingSession {
  readonly #host: SessionHost;
  readonly #maxLength: number;
  readonly #cache: Cache;
  readonly #rows: SessionRows;
  #begun = false;
  #disposed = false;

  /** @throws UserError when memory is short. */
  constructor(host: SessionHost, options: SessionOptions) {
    this.#host = host;
    this.#maxLength = options.maxLength;
    this.#rows = new SessionRows(options, host.architecture.vocabulary);
    this.#cache = allocate(host, options);
  }

  feed(tokens_B: readonly (readonly number[])[]): Promise<(Float32Array | null)[]> {
    return this.#host.turns.take(async () => {
      if (this.#disposed) throw new Error("the session is disposed");
      this.#rows.check(tokens_B);
      this.#begin();
      const pieces = tokens_B.map((tokens, row): Piece => ({ row, from: this.#rows.lengths[row], tokens }));
      const logits_B: (Float32Array | null)[] = tokens_B.map(() => null);
      for (const piece of pieces) if (piece.tokens.length > 1) logits_B[piece.row] = await this.#prompt(piece);
      const single = pieces.filter(({ tokens }) => tokens.length === 1);
      for (let first = 0; first < single.length; first += PORTION) {
        const together = single.slice(first, first + PORTION);
        const logits = await this.#run(together, "logits");
        together.forEach(({ row }, index) => {
          logits_B[row] = logits[index];
        });
      }
      this.#rows.advance(tokens_B);
      return logits_B;
    });
  }

  #begin(): void {
    if (this.#begun) return;
    this.#host.device.write(this.#cache.rotary_SD, this.#host.passes.rotary(this.#maxLength));
    this.#begun = true;
  }

  /** Logits after the last of a row's tokens. */
  async #prompt({ row, from, tokens }: Piece): Promise<Float32Array> {
    const last = Math.floor((tokens.length - 1) / PORTION) * PORTION;
    for (let first = 0; first < last; first += PORTION)
      await this.#run([{ row, from: from + first, tokens: tokens.slice(first, first + PORTION) }], "nothing");
    const [logits] = await this.#run([{ row, from: from + last, tokens: tokens.slice(last) }], "logits");
    return logits;
  }

  /** Pieces of one token each, or a single one; logits after the last token of each, where they are wanted. */
  async #run(pieces: readonly Piece[], wanted: "logits" | "nothing"): Promise<Float32Array[]> {
    const { device, architecture, passes } = this.#host;
    const batch = { rows: pieces.length, length: pieces[0].tokens.length };
    const { activations: a, program } = passes.own(this, batch, wanted, (ops, own) => {
      forward(ops, architecture, this.#host.weights, this.#withCache(own));
      if (wanted === "nothing") return;
      const hidden = rowsFrom(device, own.hidden_NC, batch.length - 1, batch.rows);
      ops.matmul(rowsFrom(device, own.logits_RV, 0, batch.rows), hidden, this.#host.weights.head_VC, {
        transposeB: true,
      });
    });
    this.#write(pieces, a);
    await device.run(program);
    if (wanted === "nothing") return [];
    const logits = await device.read(rowsFrom(device, a.logits_RV, 0, batch.rows));
    const { vocabulary } = architecture;
    return pieces.map((_, index) => logits.slice(index * vocabulary, (index + 1) * vocabulary));
  }

  /** The same buffers with attention over the cache. */
  #withCache(own: Activations): Activations {
    const { keysValues_RSY, places, rotary_SD } = this.#cache;
    const places_N = rowsFrom(this.#host.device, places, 0, own.ids_N.size);
    const layers = own.layers.map((layer, index) => ({
      ...layer,
      cache: { keysValues_RSY: keysValues_RSY[index], places_N },
    }));
    return { ...own, layers, rotary_TD: rotary_SD };
  }

  #write(pieces: readonly Piece[], a: RecordedPass["activations"]): void {
    const { device } = this.#host;
    const each = (value: (piece: Piece, at: number) => number): Int32Array =>
      Int32Array.from(pieces.flatMap((piece) => piece.tokens.map((_, at) => value(piece, at))));
    device.write(
      a.ids_N,
      each(({ tokens }, at) => tokens[at]),
    );
    device.write(
      a.positions_N,
      each(({ from }, at) => from + at),
    );
    device.write(
      a.starts_N,
      each(() => 0),
    );
    device.write(
      rowsFrom(device, this.#cache.places, 0, a.ids_N.size),
      each(({ row, from }, at) => row * this.#maxLength + from + at),
    );
  }

  /** Frees the cache, after what is being computed. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#host.turns.soon(() => {
      this.#host.passes.forget(this);
      this.#host.device.free(this.#cache.buffers);
    });
  }
}

function allocate(
  { device, architecture, passes: { float } }: SessionHost,
  { rows, maxLength }: SessionOptions,
): Cache {
  const { layers, kvHeads, headWidth } = architecture;
  const spec = (name: string, shape: readonly number[], dtype: Dtype = "f32"): BufferSpec => ({ name, shape, dtype });
  const buffers = device.allocate([
    ...Array.from({ length: layers }, (_, layer) =>
      spec(`keys and values ${layer}`, [rows, maxLength, 2 * kvHeads * headWidth], float),
    ),
    spec("places", [PORTION], "i32"),
    spec("rotary", [maxLength, headWidth]),
  ]);
  const all = [...buffers.values()];
  const [places, rotary_SD] = all.slice(layers);
  return { keysValues_RSY: all.slice(0, layers), places, rotary_SD, buffers: all };
}
