/**
 * Zstandard (RFC 8878) as a stream. fzstd does the decoding; it trusts what a frame says of itself, so the frame is walked first:
 * a window larger than the limit, a block larger than the format allows or a foreign byte ends the reading before memory is reserved.
 */
import { Decompress } from "fzstd";

/** What `zstd` itself accepts without `--long`. */
const MAX_WINDOW_BYTES = 128 * 2 ** 20;
const MAX_BLOCK_BYTES = 128 * 2 ** 10;
const FRAME_MAGIC = 0xfd2fb528;
/** The upper 28 bits of a skippable frame's magic number. */
const SKIPPABLE = 0x184d2a5;
const CHECKSUM_BYTES = 4;

/** @throws Error where the bytes are not Zstandard, or end inside a frame. */
export async function* unzstd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new Frames();
  for await (const chunk of chunks) yield* frames.push(chunk);
  frames.end();
}

type State = "magic" | "descriptor" | "header" | "block" | "body" | "checksum" | "skip-size" | "skip";

/** What comes next, and how many bytes of it. */
type Due = readonly [state: State, bytes: number];

const MAGIC: Due = ["magic", 4];
const BLOCK: Due = ["block", 3];

/** Cuts the stream into frames and blocks; every frame has a decoder of its own, which gets its bytes piece by piece. */
class Frames {
  private due = MAGIC;
  private pending: Uint8Array = new Uint8Array();
  private decoder: Decompress | null = null;
  private decoded: Uint8Array[] = [];
  private descriptor = 0;
  private isLastBlock = false;

  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let bytes = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    while (this.due[0] === "skip" ? bytes.length > 0 : bytes.length >= this.due[1]) {
      const taken = Math.min(this.due[1], bytes.length);
      this.due = this.take(bytes.subarray(0, taken));
      bytes = bytes.subarray(taken);
      const decoded = this.decoded;
      this.decoded = [];
      yield* decoded;
    }
    this.pending = bytes.slice();
  }

  end(): void {
    if (this.due !== MAGIC || this.pending.length > 0) throw new Error("the data ends inside a frame");
  }

  private take(bytes: Uint8Array): Due {
    const [state, wanted] = this.due;
    if (state === "skip-size") return skip(uint32(bytes));
    if (state === "skip") return skip(wanted - bytes.length);
    if (state === "magic") {
      if (uint32(bytes) >>> 4 === SKIPPABLE) return ["skip-size", 4];
      if (uint32(bytes) !== FRAME_MAGIC) throw new Error("there is no Zstandard frame where one is due");
      this.decoder = new Decompress((part) => this.decoded.push(part));
    }
    const next = state === "magic" ? (["descriptor", 1] as const) : this.inFrame(state, bytes);
    // Told that it is the last, the decoder also decodes what it held back, and says where something is missing.
    this.decoder?.push(bytes, next === MAGIC);
    return next;
  }

  private inFrame(state: State, bytes: Uint8Array): Due {
    if (state === "descriptor") {
      this.descriptor = bytes[0];
      return ["header", headerBytes(bytes[0])];
    }
    if (state === "header") checkWindow(this.descriptor, bytes);
    if (state === "block") return this.bodyOf(bytes[0] | (bytes[1] << 8) | (bytes[2] << 16));
    if (state === "header" || (state === "body" && !this.isLastBlock)) return BLOCK;
    return state === "checksum" || (this.descriptor & 4) === 0 ? MAGIC : ["checksum", CHECKSUM_BYTES];
  }

  private bodyOf(header: number): Due {
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > MAX_BLOCK_BYTES) throw new Error(`a block of type ${type} and ${size} bytes`);
    this.isLastBlock = (header & 1) !== 0;
    // A run-length block is one byte that is repeated.
    return ["body", type === 1 ? 1 : size];
  }
}

function uint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

function skip(bytes: number): Due {
  return bytes === 0 ? MAGIC : ["skip", bytes];
}

/** Bytes of a frame's header behind its descriptor: window, dictionary, content size. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor >> 5) & 1;
  const sizeFlag = descriptor >> 6;
  return 1 - isSingleSegment + [0, 1, 2, 4][descriptor & 3] + (sizeFlag === 0 ? isSingleSegment : 1 << sizeFlag);
}

function checkWindow(descriptor: number, header: Uint8Array): void {
  const bytes = windowBytes(descriptor, header);
  if (bytes > MAX_WINDOW_BYTES) throw new Error(`a window of ${bytes} bytes, at most ${MAX_WINDOW_BYTES} are read`);
}

function windowBytes(descriptor: number, header: Uint8Array): number {
  if (((descriptor >> 5) & 1) === 0) {
    const base = 2 ** (10 + (header[0] >> 3));
    return base + (base / 8) * (header[0] & 7);
  }
  const size = header.subarray([0, 1, 2, 4][descriptor & 3]);
  return size.reduceRight((sum, byte) => sum * 256 + byte, 0);
}
