/** Streams, events, pinned memory, capture and replay. */
import { beforeEach, describe, expect, it } from "vitest";
import { viewOf } from "../../src/engine/native/cuda/ffi/host-memory.js";
import { emulatorMissing } from "./emulator/build.js";
import { type Card, openCard } from "./emulator/card.js";
import { addressesOf } from "./emulator/parameters.js";

const missing = await emulatorMissing();
let card: Card;
beforeEach(async () => {
  card = await openCard();
});

const SCALE = `extern "C" __global__ void scale(float *x, float by) { x[threadIdx.x] *= by; }`;
const newStream = (): bigint => card.made((out) => card.driver.cuStreamCreate(out, 1));
const newEvent = (): bigint => card.made((out) => card.driver.cuEventCreate(out, 0));

function pinned(values: readonly number[]): { address: bigint; view: Float32Array } {
  const address = card.made((out) => card.driver.cuMemHostAlloc(out, 4 * values.length, 0));
  const view = new Float32Array(viewOf(address, 4 * values.length));
  view.set(values);
  return { address, view };
}

describe.skipIf(missing !== null)("streams", () => {
  it("do nothing before somebody waits, so that a missing wait is seen", async () => {
    const stream = newStream();
    const [from, to] = [pinned([1, 2]), pinned([0, 0])];
    const x = card.allocate(8);
    const { driver } = card;
    card.check(driver.cuMemcpyHtoDAsync_v2(x, from.address, 8, stream));
    card.check(driver.cuMemcpyDtoHAsync_v2(to.address, x, 8, stream));
    from.view.set([3, 4]); // too early: the copy has not run
    expect([...to.view]).toEqual([0, 0]);
    card.check(card.synchronize(stream));
    expect([...to.view]).toEqual([3, 4]);
  });

  it("read other host memory before the call returns", () => {
    const x = card.allocate(8);
    const values = new Float32Array([1, 2]);
    card.check(card.driver.cuMemcpyHtoDAsync_v2(x, values, 8, null));
    values.set([3, 4]);
    expect([...card.download(x, new Float32Array(2))]).toEqual([1, 2]);
  });

  it("wait for each other's events, and events are polled", async () => {
    const [one, two] = [newStream(), newStream()];
    const scale = (await card.kernels(SCALE))("scale");
    const x = card.upload(new Float32Array(32).fill(1));
    card.check(card.synchronize());
    const [ready, done] = [newEvent(), newEvent()];
    card.check(card.driver.cuMemsetD8Async(x, 0, 64, one));
    card.check(card.driver.cuEventRecord(ready, one));
    card.check(card.driver.cuStreamWaitEvent(two, ready, 0));
    card.check(card.launch(scale, { stream: two }, x, { f32: 2 }));
    card.check(card.driver.cuEventRecord(done, two));
    expect(card.nameOf(card.driver.cuEventQuery(done))).toBe("CUDA_ERROR_NOT_READY");
    card.check(card.driver.cuEventQuery(done));
    const elapsed = new Float32Array(1);
    card.check(card.driver.cuEventElapsedTime(elapsed, ready, done));
    expect(elapsed[0]).toBeGreaterThan(0);
    const got = card.download(x, new Float32Array(32));
    expect([...got]).toEqual([...new Array(16).fill(0), ...new Array(16).fill(2)]);
  });
});

describe.skipIf(missing !== null)("graphs", () => {
  const begin = (stream: bigint): void => card.check(card.driver.cuStreamBeginCapture_v2(stream, 1));
  const end = (stream: bigint): bigint => card.made((out) => card.driver.cuStreamEndCapture(stream, out));

  it("keep the arguments of calls and run them at every launch", async () => {
    card.emulator.set("log", 1);
    const stream = newStream();
    const scale = (await card.kernels(SCALE))("scale");
    const x = card.upload(new Float32Array(32).fill(3));
    const y = card.allocate(128);
    card.check(card.synchronize());
    const arguments_ = addressesOf([new BigUint64Array([y]).buffer, new Float32Array([2]).buffer]);
    begin(stream);
    card.check(card.driver.cuMemcpyDtoDAsync_v2(y, x, 128, stream));
    card.check(card.driver.cuLaunchKernel(scale, 1, 1, 1, 32, 1, 1, 0, stream, arguments_.list, null));
    card.check(card.driver.cuMemcpyDtoDAsync_v2(x, y, 128, stream));
    new Float32Array(arguments_.values[1])[0] = 1000;
    const graph = end(stream);
    const count = new BigUint64Array(1);
    card.check(card.driver.cuGraphGetNodes(graph, null, count));
    expect(count[0]).toBe(3n);
    const executable = card.made((out) => card.driver.cuGraphInstantiateWithFlags(out, graph, 0));
    card.check(card.driver.cuGraphDestroy(graph));
    card.check(card.driver.cuGraphLaunch(executable, stream));
    card.check(card.driver.cuGraphLaunch(executable, stream));
    card.check(card.synchronize(stream));
    expect(card.download(x, new Float32Array(32))).toEqual(new Float32Array(32).fill(12));
    const once = ["graph", "copy 128", "launch scale 1x1x1 32x1x1 0", "copy 128"];
    const { log, graphLaunches, launches } = card.emulator.report();
    expect(log).toEqual(["copy to device 128", ...once, ...once, "copy to host 128"]);
    expect({ graphLaunches, launches }).toEqual({ graphLaunches: 2, launches: 2 });
    card.check(card.driver.cuGraphExecDestroy(executable));
  });

  it("take streams in that wait for a captured event, and must be joined by them", async () => {
    const [main, side] = [newStream(), newStream()];
    const x = card.allocate(256);
    const [fork, joined] = [newEvent(), newEvent()];
    const branch = (): void => {
      card.check(card.driver.cuEventRecord(fork, main));
      card.check(card.driver.cuStreamWaitEvent(side, fork, 0));
      card.check(card.driver.cuMemsetD8Async(x, 0, 256, side));
    };
    begin(main);
    branch();
    const refused = card.driver.cuStreamEndCapture(main, new BigUint64Array(1));
    expect(card.nameOf(refused)).toBe("CUDA_ERROR_STREAM_CAPTURE_UNJOINED");
    begin(main);
    branch();
    card.check(card.driver.cuEventRecord(joined, side));
    card.check(card.driver.cuStreamWaitEvent(main, joined, 0));
    const executable = card.made((out) => card.driver.cuGraphInstantiateWithFlags(out, end(main), 0));
    card.check(card.driver.cuGraphLaunch(executable, main));
    card.check(card.synchronize(main));
    expect([...card.download(x, new Uint8Array(256))]).toEqual(new Array(256).fill(0));
  });

  it.each([
    { what: "allocates", call: () => card.driver.cuMemAlloc_v2(new BigUint64Array(1), 4) },
    {
      what: "copies from memory that is not pinned",
      call: (s: bigint, x: bigint) => card.driver.cuMemcpyHtoDAsync_v2(x, new Uint8Array(4), 4, s),
    },
  ])("refuse a capture that $what", ({ call }) => {
    const stream = newStream();
    const x = card.allocate(4);
    begin(stream);
    expect(card.nameOf(call(stream, x))).toBe("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED");
    expect(card.emulator.report().errors).toHaveLength(1);
  });

  it("do not outlive the module of a kernel", async () => {
    const stream = newStream();
    const { image } = await card.compile(SCALE);
    const module = card.made((out) => card.driver.cuModuleLoadDataEx(out, image, 0, null, null));
    const scale = card.made((out) => card.driver.cuModuleGetFunction(out, module, "scale"));
    const x = card.allocate(128);
    begin(stream);
    card.check(card.launch(scale, { stream }, x, { f32: 1 }));
    const executable = card.made((out) => card.driver.cuGraphInstantiateWithFlags(out, end(stream), 0));
    card.check(card.driver.cuModuleUnload(module));
    card.check(card.driver.cuGraphLaunch(executable, stream));
    expect(card.nameOf(card.synchronize(stream))).toBe("CUDA_ERROR_LAUNCH_FAILED");
    expect(card.emulator.report().errors).toEqual(["kernel scale: its module was unloaded before it ran"]);
  });
});
