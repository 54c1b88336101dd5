/** Memory of a card inside JavaScript, whose matrices hold f32 or bf16 as cuBLASLt numbers them. */
import { UserError } from "../../../../../src/base/errors.js";
import { CONSTANTS as C } from "../../../../../src/engine/native/cuda/ffi/cublaslt.js";

/** Where the card's memory begins. */
export const BASE = 0x7f00_0000_0000n;

/** Memory of the card: a bump allocator over one buffer. */
export class FakeMemory {
  readonly bytes: DataView;
  readonly allocations = new Map<bigint, number>();
  private next = 0;

  constructor(size = 1 << 20) {
    this.bytes = new DataView(new ArrayBuffer(size));
  }

  allocate(bytes: number): bigint {
    const start = Math.ceil(this.next / 256) * 256;
    if (start + bytes > this.bytes.byteLength) throw new UserError({ what: "the card has not enough memory" });
    this.next = start + bytes;
    return BASE + BigInt(start);
  }

  offsetOf(address: bigint): number {
    return Number(address - BASE);
  }

  get(at: bigint, type: number, index: number): number {
    const start = this.offsetOf(at);
    if (type === C.CUDA_R_32F) return this.bytes.getFloat32(start + index * 4, true);
    const bits = new Uint32Array([this.bytes.getUint16(start + index * 2, true) << 16]);
    return new Float32Array(bits.buffer)[0];
  }

  put(at: bigint, type: number, index: number, value: number): void {
    const start = this.offsetOf(at);
    if (type === C.CUDA_R_32F) this.bytes.setFloat32(start + index * 4, value, true);
    else this.bytes.setUint16(start + index * 2, bf16Bits(value), true);
  }
}

/** Round to nearest, ties to even, of a value that is no NaN. */
export function bf16Bits(value: number): number {
  const [bits] = new Uint32Array(new Float32Array([value]).buffer);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
