/** Waiting without blocking, events, graphs. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONSTANTS as C } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { type Context, openContext } from "../../../../../src/engine/native/cuda/runtime/context.js";
import { captureGraph } from "../../../../../src/engine/native/cuda/runtime/graph.js";
import { Arena } from "../../../../../src/engine/native/cuda/runtime/memory.js";
import { Staging } from "../../../../../src/engine/native/cuda/runtime/staging.js";
import { Event, isEager, Stream } from "../../../../../src/engine/native/cuda/runtime/stream.js";
import { FakeDriver } from "./fake-driver.js";

let fake: FakeDriver;
let context: Context;

beforeEach(() => {
  fake = new FakeDriver();
  context = openContext(fake.driver);
});

afterEach(() => {
  fake.failures.clear();
  context[Symbol.dispose]();
  expect([...fake.live.values()]).toEqual([]);
});

describe("Stream", () => {
  it("resolves when the card is done; the event loop turns meanwhile", async () => {
    fake.delays = 50;
    let turns = 0;
    const count = (): void => {
      turns++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    await context.stream.wait();
    clearImmediate(counting);
    expect(fake.calls.filter((name) => name === "cuEventQuery")).toHaveLength(51);
    expect(turns).toBeGreaterThan(0);
  });

  it("uses one event for waits that follow each other, and several for waits at once", async () => {
    await context.stream.wait();
    await context.stream.wait();
    expect(fake.count("event")).toBe(1);
    fake.delays = 2;
    await Promise.all([context.stream.wait(), context.stream.wait()]);
    expect(fake.count("event")).toBe(2);
  });

  it("rejects with what went wrong on the card", async () => {
    fake.failures.set("cuEventQuery", C.CUDA_ERROR_LAUNCH_TIMEOUT);
    await expect(context.stream.wait()).rejects.toThrow("CUDA_ERROR_LAUNCH_TIMEOUT");
    await expect(context.stream.wait()).rejects.toThrow("the process must be restarted");
    fake = new FakeDriver();
    context = openContext(fake.driver);
  });

  it("sleeps between questions when the card takes long", async () => {
    fake.delays = Number.POSITIVE_INFINITY;
    const wait = context.stream.wait();
    await sleep(60);
    fake.delays = 0;
    await wait;
    // Every other turn sleeps about a millisecond, so about two questions a millisecond after the first eager ones, which are hundreds.
    const begin = fake.calls.length;
    fake.delays = Number.POSITIVE_INFINITY;
    const again = context.stream.wait();
    await sleep(20);
    const eager = fake.calls.length - begin;
    const from = performance.now();
    await sleep(40);
    const asked = fake.calls.length - begin - eager;
    fake.delays = 0;
    await again;
    expect(asked).toBeLessThanOrEqual(4 * (performance.now() - from) + 8);
  });

  it.each([
    [0, 0, true],
    [2, 0, true],
    [3, 0, false],
    [3, 40, false],
    [37.9, 40, false],
    [38, 40, true],
    [42, 40, true],
    [42.1, 40, false],
    [1, 40, true],
  ])("asks every turn after %s ms of about %s: %s", (elapsed, expected, eager) => {
    expect(isEager(elapsed, expected)).toBe(eager);
  });

  it("fills, copies and names its addresses when that fails", () => {
    using arena = new Arena(context, [{ name: "x", shape: [4], dtype: "f32" }]);
    fake.failures.set("cuMemcpyDtoDAsync_v2", C.CUDA_ERROR_INVALID_DEVICE);
    expect(() => context.stream.copy(arena.base, 0xabcn, 16)).toThrow(/copy 16 bytes from 0xabc to 0x[0-9a-f]+$/);
  });

  it("gives an event back that outlives it", async () => {
    const stream = new Stream(fake.driver);
    fake.delays = 3;
    const wait = stream.wait();
    stream[Symbol.dispose]();
    await wait;
  });
});

describe("Event", () => {
  it("tells time between marks, blocks and holds other streams back", () => {
    using from = new Event(fake.driver, { timing: true });
    using to = new Event(fake.driver, { timing: true });
    using stream = new Stream(fake.driver);
    from.record(context.stream);
    to.record(context.stream);
    to.block();
    to.holdBack(stream);
    expect(to.reached).toBe(true);
    expect(to.millisecondsSince(from)).toBe(1.5);
  });
});

describe("captureGraph", () => {
  it("keeps work instead of doing it, and does it at every launch", async () => {
    using arena = new Arena(context, [
      { name: "a", shape: [2], dtype: "f32" },
      { name: "b", shape: [2], dtype: "f32" },
    ]);
    using staging = new Staging(context, 1024);
    const [a, b] = [...arena.buffers.values()];
    const read = async (): Promise<number[]> => {
      const values = new Float32Array(2);
      await staging.download(b, values);
      return [...values];
    };
    using graph = captureGraph(context.stream, () => {
      context.stream.copy(b.address, a.address, 8);
    });
    staging.upload(a, Float32Array.of(3, 4));
    expect(graph.nodes).toBe(1);
    expect(await read()).toEqual([0, 0]);
    graph.launch(context.stream);
    expect(await read()).toEqual([3, 4]);
    staging.upload(a, Float32Array.of(5, 6));
    graph.launch(context.stream);
    expect(await read()).toEqual([5, 6]);
  });

  it("ends the recording when the body throws", () => {
    expect(() =>
      captureGraph(context.stream, () => {
        throw new Error("not this way");
      }),
    ).toThrow("not this way");
    expect(fake.calls.filter((name) => /Capture|GraphDestroy/.test(name))).toEqual([
      "cuStreamBeginCapture_v2",
      "cuStreamEndCapture",
      "cuGraphDestroy",
    ]);
  });

  it("says what could not be kept, and keeps nothing of it", () => {
    fake.failures.set("cuGraphInstantiateWithFlags", C.CUDA_ERROR_INVALID_IMAGE);
    expect(() => captureGraph(context.stream, () => {})).toThrow("when asked to make a graph ready");
    fake.failures.set("cuStreamEndCapture", C.CUDA_ERROR_UNKNOWN);
    expect(() => captureGraph(context.stream, () => {})).toThrow("when asked to end recording a graph");
  });

  it("cannot be launched when it was disposed", () => {
    const graph = captureGraph(context.stream, () => {});
    graph[Symbol.dispose]();
    graph[Symbol.dispose]();
    expect(() => graph.launch(context.stream)).toThrow("this graph was disposed");
  });
});
