/**
 * Reads FlatBuffers tables out of Arrow metadata, checking every offset and every vector length before it is used.
 * The readers that ship with Arrow and FlatBuffers return zeros beyond the end and allocate for whatever length a vector claims, which one
 * flipped bit can make two thousand million. Here anything that points outside the bytes is a RangeError; callers name the file.
 * Layout of tables: https://flatbuffers.dev/internals/
 */

/** A vector inside a table: where its first element lies and how many there are; all of them lie inside the bytes. */
export interface FlatVector {
  readonly at: number;
  readonly length: number;
}

/** One table. Slots are the positions of its fields in the schema file, from 0. */
export class FlatTable {
  readonly view: DataView;
  readonly #at: number;
  readonly #vtable: number;
  readonly #slots: number;

  private constructor(view: DataView, at: number) {
    this.view = view;
    this.#at = at;
    this.#vtable = at - view.getInt32(at, true);
    this.#slots = (view.getUint16(this.#vtable, true) - 4) >> 1;
  }

  /** The table that a buffer holds. @throws RangeError when it points outside. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  uint8(slot: number, absent = 0): number {
    const at = this.#find(slot);
    return at === null ? absent : this.view.getUint8(at);
  }

  int16(slot: number, absent = 0): number {
    const at = this.#find(slot);
    return at === null ? absent : this.view.getInt16(at, true);
  }

  int32(slot: number, absent = 0): number {
    const at = this.#find(slot);
    return at === null ? absent : this.view.getInt32(at, true);
  }

  /** A 64-bit count. @throws RangeError when it is negative or beyond 2^53. */
  count(slot: number): number {
    const at = this.#find(slot);
    return at === null ? 0 : countAt(this.view, at);
  }

  table(slot: number): FlatTable | null {
    const at = this.#find(slot);
    return at === null ? null : new FlatTable(this.view, at + this.view.getUint32(at, true));
  }

  text(slot: number): string | null {
    const bytes = this.vector(slot, 1);
    return bytes === null
      ? null
      : new TextDecoder().decode(new Uint8Array(this.view.buffer, this.view.byteOffset + bytes.at, bytes.length));
  }

  /** A vector whose elements take `stride` bytes. */
  vector(slot: number, stride: number): FlatVector | null {
    const field = this.#find(slot);
    if (field === null) return null;
    const start = field + this.view.getUint32(field, true);
    const length = this.view.getUint32(start, true);
    const at = start + 4;
    if (length * stride > this.view.byteLength - at)
      throw new RangeError(`a vector of ${length} elements ends outside the metadata`);
    return { at, length };
  }

  /** The tables of a vector, one at a time. */
  *tables(slot: number): Generator<FlatTable> {
    const vector = this.vector(slot, 4);
    for (let i = 0; vector !== null && i < vector.length; i++) {
      const at = vector.at + 4 * i;
      yield new FlatTable(this.view, at + this.view.getUint32(at, true));
    }
  }

  #find(slot: number): number | null {
    if (slot >= this.#slots) return null;
    const offset = this.view.getUint16(this.#vtable + 4 + 2 * slot, true);
    return offset === 0 ? null : this.#at + offset;
  }
}

/** A 64-bit count at a position. @throws RangeError when it is negative or beyond 2^53. */
export function countAt(view: DataView, at: number): number {
  const value = Number(view.getBigInt64(at, true));
  if (value < 0 || !Number.isSafeInteger(value)) throw new RangeError(`${value} is not a count`);
  return value;
}
