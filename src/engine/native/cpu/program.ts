/** A recorded list of operations in native memory, laid out as `op_t` of `kernels/abi.h`, and the checks before each run. */

import { checkOverlap, describeBuffer, type Operation, type OperationName, type Place } from "../call.js";
import type { Buffer, Program } from "../device.js";
import { checkIndices, type IndexUse, indexUses } from "../indices.js";
import { OPERATION_NAMES } from "../operations.js";
import { type Traffic, trafficOf } from "../traffic.js";
import { writtenBy } from "../usage.js";
import { Arena, ArenaBuffer, type Stretch } from "./arena.js";

/** Layout of `op_t`: code and flags, eight sizes, two real numbers, eight pointers. */
export const OP_BYTES = 152;
const SIZES_AT = 8;
const REALS_AT = 72;
const POINTERS_AT = 88;

export interface Work extends Traffic {
  readonly calls: number;
}

export class CpuProgram implements Program {
  readonly operations: number;
  /** What one run does of each kind of operation. */
  readonly work: ReadonlyMap<OperationName, Work>;
  readonly written: readonly Place[];
  /** Memory that the operations use. */
  private readonly arenas = new Map<Arena, ArenaBuffer[]>();
  private readonly indices: readonly IndexUse<ArenaBuffer>[];
  private readonly packed: Arena;
  private holders = 0;
  private disposed = false;

  constructor(recorded: readonly Operation[]) {
    this.operations = recorded.length;
    this.work = workByName(recorded);
    this.written = writtenBy(recorded, (buffer) => native(buffer).place);
    const buffers = recorded.flatMap((operation) => operation.buffers.filter((buffer) => buffer !== null).map(native));
    for (const { arena } of buffers) this.arenas.set(arena, []);
    for (const buffer of buffers) this.arenas.get(buffer.arena)?.push(buffer);
    this.indices = indexUses(recorded, native);
    const packed = new Int32Array(pack(recorded));
    this.packed = new Arena([{ name: "program", shape: [packed.length], dtype: "i32" }]);
    this.packed.write(this.memory, packed);
  }

  /** Where the packed operations are. */
  get memory(): ArenaBuffer {
    const [buffer] = this.packed.buffers.values();
    return buffer;
  }

  /** @throws Error when the program, or memory that it uses, was given back, or an index would leave its table. */
  check(): void {
    if (this.disposed) throw new Error("this program was disposed");
    for (const arena of this.arenas.keys())
      if (arena.freed) throw new Error("this program uses buffers that were given back");
    for (const { buffer, rule } of this.indices) {
      const values = new Int32Array(buffer.size);
      buffer.arena.read(buffer, values);
      checkIndices(buffer, values, rule);
    }
  }

  /** Memory that no program has used before this one. */
  untouched(): Stretch[] {
    return [...this.arenas].flatMap(([arena, buffers]) => arena.untouched(buffers));
  }

  /** While the result is not disposed the program's memory stays, even if the program is disposed. */
  hold(): Disposable {
    this.holders++;
    return {
      [Symbol.dispose]: () => {
        this.holders--;
        if (this.holders === 0 && this.disposed) this.packed[Symbol.dispose]();
      },
    };
  }

  [Symbol.dispose](): void {
    this.disposed = true;
    if (this.holders === 0) this.packed[Symbol.dispose]();
  }
}

/** The device's own buffer behind the interface. @throws Error for one of another device, or one given back. */
export function native(buffer: Buffer): ArenaBuffer {
  if (!(buffer instanceof ArenaBuffer)) throw new Error(`${describeBuffer(buffer)} belongs to another device`);
  if (buffer.arena.freed) throw new Error(`${describeBuffer(buffer)} was given back`);
  return buffer;
}

/** At least one struct long; an empty program has an empty one. */
function pack(recorded: readonly Operation[]): ArrayBuffer {
  const bytes = new ArrayBuffer(Math.max(recorded.length, 1) * OP_BYTES);
  recorded.forEach((operation, index) => {
    checkOverlap(operation, (buffer) => native(buffer).place);
    const view = new DataView(bytes, index * OP_BYTES, OP_BYTES);
    view.setInt32(0, OPERATION_NAMES.indexOf(operation.name) + 1, true);
    view.setInt32(4, operation.flags, true);
    operation.sizes.forEach((size, at) => {
      view.setBigInt64(SIZES_AT + at * 8, BigInt(size), true);
    });
    operation.reals.forEach((real, at) => {
      view.setFloat64(REALS_AT + at * 8, real, true);
    });
    operation.buffers.forEach((buffer, at) => {
      if (buffer !== null) view.setBigUint64(POINTERS_AT + at * 8, native(buffer).address, true);
    });
  });
  return bytes;
}

function workByName(recorded: readonly Operation[]): Map<OperationName, Work> {
  const all = new Map<OperationName, Work>();
  for (const operation of recorded) {
    const { calls, bytes, flops } = all.get(operation.name) ?? { calls: 0, bytes: 0, flops: 0 };
    const more = trafficOf(operation);
    all.set(operation.name, { calls: calls + 1, bytes: bytes + more.bytes, flops: flops + more.flops });
  }
  return all;
}
