/**
 * Tensors on their way out of an engine, through a bounded number of blocks of memory. The engine fills them ahead of whoever takes what is in
 * them; when all are full it waits until one was taken.
 */
import { sizeOf } from "../base/dims.js";
import { messageOf, UserError } from "../base/errors.js";
import { formatBytes } from "../base/format.js";
import type { OutgoingTensor, Piece, TensorCopy, TensorKind } from "./engine.js";

/** Enough that neither a card nor a disk notices the gaps, and so little that copying it does not hold up the event loop. */
const BLOCK_BYTES = 4 << 20;
/** One is filled while the other is taken. */
const LEAST_BLOCKS = 2;
/** Blocks are a multiple of every element. */
const BLOCK_UNIT = 8;
const ELEMENT_BYTES = { F32: 4, BF16: 2 } as const;

export type OutgoingSpec = Omit<OutgoingTensor, "pieces">;

/** What is copied of a tensor at a time. */
export interface Part {
  readonly kind: TensorKind;
  readonly name: string;
  /** The first element. */
  readonly start: number;
}

interface PlacedPart extends Part {
  readonly dtype: OutgoingTensor["dtype"];
  readonly length: number;
  readonly block: number;
  /** In the block, in bytes. */
  readonly offset: number;
}

export class CopyOut implements TensorCopy {
  readonly tensors: readonly OutgoingTensor[];
  readonly #parts: readonly PlacedPart[];
  readonly #aheadBytes: number;
  readonly #blockBytes: number;
  readonly #filled = new Map<number, ArrayBuffer>();
  #free: ArrayBuffer[] = [];
  #blocks = 0;
  #heldBytes = 0;
  /** Parts that were asked for. */
  #asked = 0;
  #failure: { readonly error: unknown } | null = null;
  #disposed = false;
  #waiting: (() => void)[] = [];

  /** @param aheadBytes most bytes that are held; 16 at least. */
  constructor(tensors: readonly OutgoingSpec[], aheadBytes: number) {
    this.#aheadBytes = aheadBytes;
    const units = Math.floor(Math.min(BLOCK_BYTES, aheadBytes / LEAST_BLOCKS) / BLOCK_UNIT);
    this.#blockBytes = BLOCK_UNIT * Math.max(1, units);
    const parts: PlacedPart[] = [];
    this.tensors = tensors.map((tensor) => {
      const from = parts.length;
      parts.push(...placed(tensor, parts.at(-1), this.#blockBytes));
      const to = parts.length;
      return { ...tensor, pieces: () => this.#take(from, to) };
    });
    this.#parts = parts;
  }

  /** Bytes held now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Has everything read in order, as soon as there is a block for it; ends early when the copy is disposed.
   * @param read fills an array with a tensor's values from the part's start on.
   * @throws what `read` throws, and UserError where memory ends.
   */
  async fill(read: (part: Part, into: Piece) => Promise<void>): Promise<void> {
    const last = this.#parts.at(-1);
    for (let at = 0; at < this.#parts.length; ) {
      const { block } = this.#parts[at];
      const memory = await this.#room(block === last?.block ? endOf(last) : this.#blockBytes);
      if (memory === null) return;
      for (; this.#parts[at]?.block === block; at++) await read(this.#parts[at], viewOf(memory, this.#parts[at]));
      this.#filled.set(block, memory);
      this.#changed();
    }
  }

  /** Tells whoever takes that nothing more will come. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#changed();
  }

  /** Gives up what is not copied yet. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#heldBytes = 0;
    this.#filled.clear();
    this.#free = [];
    this.#changed();
  }

  async *#take(from: number, to: number): AsyncGenerator<Piece> {
    for (let at = from; at < to; at++) {
      if (at !== this.#asked) throw new Error("tensors that are copied out are taken once, in their order");
      this.#asked++;
      const part = this.#parts[at];
      yield viewOf(await this.#block(part.block), part);
    }
  }

  /** What is in a block; those before it may be filled anew. */
  async #block(index: number): Promise<ArrayBuffer> {
    const before = this.#filled.get(index - 1);
    if (before !== undefined) {
      this.#filled.delete(index - 1);
      this.#free.push(before);
      this.#changed();
    }
    for (;;) {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#disposed) throw new Error("this copy was disposed");
      const memory = this.#filled.get(index);
      if (memory !== undefined) return memory;
      await this.#change();
    }
  }

  /** A block to fill, the last of which may be smaller than those before; null once the copy is disposed. */
  async #room(bytes: number): Promise<ArrayBuffer | null> {
    for (;;) {
      if (this.#disposed) return null;
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#blocks < LEAST_BLOCKS || this.#heldBytes + bytes <= this.#aheadBytes) return this.#newBlock(bytes);
      await this.#change();
    }
  }

  #newBlock(bytes: number): ArrayBuffer {
    try {
      const memory = new ArrayBuffer(bytes);
      this.#blocks++;
      this.#heldBytes += bytes;
      return memory;
    } catch (error) {
      const what = "there is no memory left for the copies of a checkpoint";
      const got = `${formatBytes(this.heldBytes)} so far: ${messageOf(error)}`;
      throw new UserError({ what, got, hint: "end other programs" }, { cause: error });
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const goOn of this.#waiting.splice(0)) goOn();
  }
}

/** A tensor's parts behind the last one of the tensor before. */
function placed({ kind, name, shape, dtype }: OutgoingSpec, last: PlacedPart | undefined, most: number): PlacedPart[] {
  const bytes = ELEMENT_BYTES[dtype];
  const size = sizeOf(shape);
  let block = last?.block ?? 0;
  let offset = last === undefined ? 0 : Math.ceil(endOf(last) / bytes) * bytes;
  const parts: PlacedPart[] = [];
  for (let start = 0; start < size; ) {
    if (offset >= most) {
      block++;
      offset = 0;
    }
    const length = Math.min((most - offset) / bytes, size - start);
    parts.push({ kind, name, dtype, start, length, block, offset });
    start += length;
    offset += length * bytes;
  }
  return parts;
}

function endOf({ offset, length, dtype }: PlacedPart): number {
  return offset + length * ELEMENT_BYTES[dtype];
}

function viewOf(memory: ArrayBuffer, { dtype, offset, length }: PlacedPart): Piece {
  return dtype === "F32" ? new Float32Array(memory, offset, length) : new Uint16Array(memory, offset, length);
}
