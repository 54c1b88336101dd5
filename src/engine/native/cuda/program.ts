/** A recorded list of operations as work on a card: made ready before its first run, then replayed as one graph. */
import { checkOverlap, describeBuffer, type Operation, type OperationName, type Place } from "../call.js";
import type { Buffer, Program, Timings } from "../device.js";
import { checkIndices, type IndexUse, indexUses } from "../indices.js";
import { trafficOf } from "../traffic.js";
import { writtenBy } from "../usage.js";
import { disposeAll } from "./disposal.js";
import type { Context } from "./runtime/context.js";
import { captureGraph, type Graph } from "./runtime/graph.js";
import type { Address, Work } from "./runtime/launch.js";
import type { Matmul } from "./runtime/matmul.js";
import { Arena, type DeviceBuffer } from "./runtime/memory.js";
import type { Modules } from "./runtime/modules.js";
import { Event, type Stream } from "./runtime/stream.js";
import { scratchBytes, worksOf } from "./works.js";
import type { WrittenIndices } from "./written-indices.js";

/** What programs of one device share. */
export interface Machine {
  readonly context: Context;
  readonly modules: Modules;
  readonly matmul: Matmul;
  readonly indices: WrittenIndices;
  /** The device's own buffer behind the interface. @throws Error for one of another device, or one given back. */
  readonly own: (buffer: Buffer) => DeviceBuffer;
}

interface Step {
  readonly operation: Operation;
  readonly works: readonly Work[];
}

export class CudaProgram implements Program {
  readonly operations: number;
  readonly written: readonly Place[];
  private readonly machine: Machine;
  private readonly steps: readonly Step[];
  private readonly indices: readonly IndexUse<DeviceBuffer>[];
  private readonly arenas: ReadonlySet<Arena>;
  private readonly scratch: Arena | null;
  private readonly forget: (program: CudaProgram) => void;
  private ready = false;
  private graph: Graph | null = null;
  private running = false;
  /** The last run on the card; the next one takes about as long. */
  private lastMs = 0;
  private disposed = false;

  /**
   * @param forget is called when it is disposed.
   * @throws UserError when the card's memory is short, Error for operations that share memory as they must not.
   */
  constructor(machine: Machine, recorded: readonly Operation[], forget: (program: CudaProgram) => void) {
    this.machine = machine;
    this.forget = forget;
    this.operations = recorded.length;
    const place = (buffer: Buffer): Place => machine.own(buffer).place;
    for (const operation of recorded) checkOverlap(operation, place);
    this.written = writtenBy(recorded, place);
    for (const operation of recorded) checkOutputs(operation);
    const buffers = recorded.flatMap(({ buffers: all }) => all.filter((buffer) => buffer !== null).map(machine.own));
    this.indices = indexUses(recorded, machine.own);
    this.arenas = new Set(buffers.map(({ arena }) => arena));
    const bytes = Math.max(0, ...recorded.map(scratchBytes));
    const spec = { name: "scratch of operations", shape: [Math.ceil(bytes / 4)], dtype: "f32" } as const;
    this.scratch = bytes === 0 ? null : new Arena(machine.context, [spec]);
    const context = {
      card: machine.context.card,
      addressOf: (buffer: Buffer): Address => machine.own(buffer).address,
      scratch: this.scratch?.base ?? 0n,
    };
    try {
      this.steps = recorded.map((operation) => ({ operation, works: worksOf(operation, context) }));
    } catch (error) {
      this.scratch?.[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether it was recorded on the device of this machine. */
  isOf(machine: Machine): boolean {
    return this.machine === machine;
  }

  /** @throws Error when the program, or memory that it uses, was given back, or an index would leave its table. */
  check(): void {
    if (this.disposed) throw new Error("this program was disposed");
    for (const arena of this.arenas) if (arena.freed) throw new Error("this program uses buffers that were given back");
    for (const { buffer, rule } of this.indices) {
      const values = this.machine.indices.of(buffer);
      if (values !== null) checkIndices(buffer, values, rule);
    }
  }

  /** Compiles kernels and chooses algorithms, where that is still to be done, and runs. */
  async run(timings?: Timings): Promise<void> {
    const { stream } = this.machine.context;
    this.running = true;
    try {
      if (timings !== undefined) {
        await this.prepare();
        await this.runTimed(stream, timings);
      } else {
        await this.enqueueAll(stream);
        const begin = performance.now();
        await stream.wait(this.lastMs);
        this.lastMs = performance.now() - begin;
      }
    } finally {
      this.running = false;
      if (this.disposed) this.release();
    }
  }

  /** A graph pays from the second run on; many programs, as in decoding, run once. */
  private async enqueueAll(stream: Stream): Promise<void> {
    const all = (): void => {
      for (const { works } of this.steps) this.enqueue(works, stream);
    };
    if (!this.ready) {
      await this.prepare();
      all();
      return;
    }
    this.graph ??= captureGraph(stream, all);
    this.graph.launch(stream);
  }

  private async prepare(): Promise<void> {
    if (this.ready) return;
    const works = this.steps.flatMap((step) => step.works);
    await this.machine.modules.prepare(works.flatMap((work) => (work.kind === "launch" ? [work.kernel] : [])));
    await this.machine.matmul.prepare(works.filter((work) => work.kind === "product"));
    this.ready = true;
  }

  private enqueue(works: readonly Work[], stream: Stream): void {
    for (const work of works) {
      if (work.kind === "launch") this.machine.modules.launch(work, stream);
      else if (work.kind === "product") this.machine.matmul.enqueue(work, stream.handle);
      else if (work.kind === "fill") stream.fill(work.address, work.bytes);
      else stream.copy(work.to, work.from, work.bytes);
    }
  }

  /** One after the other, with a mark between operations: without the graph, so that the marks mean what they say. */
  private async runTimed(stream: Stream, timings: Timings): Promise<void> {
    const { driver } = this.machine.context;
    const marks: Event[] = [];
    try {
      while (marks.length <= this.steps.length) marks.push(new Event(driver, { timing: true }));
      marks[0].record(stream);
      this.steps.forEach(({ works }, index) => {
        this.enqueue(works, stream);
        marks[index + 1].record(stream);
      });
      await stream.wait();
      this.steps.forEach(({ operation }, index) => {
        addTo(timings, operation, marks[index + 1].millisecondsSince(marks[index]));
      });
    } finally {
      disposeAll(marks);
    }
  }

  private release(): void {
    const graph = this.graph;
    this.graph = null;
    disposeAll([graph, this.scratch]);
  }

  /** Memory that a running program uses goes when it has ended. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    this.forget(this);
    if (!this.running) this.release();
  }
}

/** Indices are checked before a program runs, so none of it may write them. */
function checkOutputs({ name, buffers, outputs }: Operation): void {
  const written = buffers.slice(0, outputs).find((buffer) => buffer?.dtype === "i32") ?? null;
  if (written !== null) throw new Error(`${name}: ${describeBuffer(written)} can only be written by the host`);
}

function addTo(timings: Timings, operation: Operation, milliseconds: number): void {
  const name: OperationName = operation.name;
  const { ms = 0, calls = 0, bytes = 0, flops = 0 } = timings.get(name) ?? {};
  const traffic = trafficOf(operation);
  timings.set(name, {
    ms: ms + milliseconds,
    calls: calls + 1,
    bytes: bytes + traffic.bytes,
    flops: flops + traffic.flops,
  });
}
