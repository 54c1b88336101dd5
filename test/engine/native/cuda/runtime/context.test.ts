/** Opening a card, everything that can be wrong with it, and what is said once it is lost. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../../../../src/base/errors.js";
import { CONSTANTS as C } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { openContext } from "../../../../../src/engine/native/cuda/runtime/context.js";
import { CudaError, checkDriver, driverWords } from "../../../../../src/engine/native/cuda/runtime/errors.js";
import { Arena } from "../../../../../src/engine/native/cuda/runtime/memory.js";
import { type FakeCard, FakeDriver } from "./fake-driver.js";

function problemOf(body: () => unknown): Error {
  try {
    body();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

describe("openContext", () => {
  it("tells the card's facts and gives everything back", () => {
    const fake = new FakeDriver();
    {
      using context = openContext(fake.driver);
      expect(context.card).toEqual({
        name: "Fake 100",
        computeCapability: [9, 0],
        multiprocessors: 132,
        memoryBytes: 1 << 30,
        sharedBytesPerBlock: 227 << 10,
        l2Bytes: 50 << 20,
      });
      expect(context.driverVersion).toEqual({ major: 13, minor: 0 });
      expect(context.memory()).toEqual({ freeBytes: 1 << 30, totalBytes: 1 << 30 });
      expect([fake.count("context"), fake.count("stream")]).toEqual([1, 1]);
    }
    expect(fake.live.size).toBe(0);
  });

  it("is closed once, however often it is disposed", () => {
    const fake = new FakeDriver();
    const context = openContext(fake.driver);
    context[Symbol.dispose]();
    context[Symbol.dispose]();
    expect(fake.calls.filter((name) => name === "cuDevicePrimaryCtxRelease_v2")).toHaveLength(1);
    expect(() => context.stream.handle).toThrow("this stream was disposed");
  });

  it.each<[string, FakeCard, number, readonly string[]]>([
    ["no card", { count: 0 }, 0, ["CUDA_ERROR_NO_DEVICE", "nvidia-smi"]],
    ["no such card", { count: 2 }, 2, ["there is no card 2", "expected: 0 to 1", "CUDA_VISIBLE_DEVICES"]],
    ["not even a second card", {}, 1, ["there is no card 1", "0, the only card"]],
    ["half a card", {}, 0.5, ["there is no card 0.5"]],
    ["an old card", { name: "Tesla V100", capability: [7, 0] }, 0, ["Tesla V100 is too old", "8.0", "got: 7.0"]],
    ["an old driver", { driverVersion: 11080 }, 0, ["driver is too old", "CUDA 12.0", "CUDA 11.8", "install a newer"]],
  ])("says what to do: %s", (_, card, index, expected) => {
    const fake = new FakeDriver(card);
    const error = problemOf(() => openContext(fake.driver, index));
    expect(error).toBeInstanceOf(UserError);
    for (const text of expected) expect(error.message).toContain(text);
    expect(fake.live.size).toBe(0);
  });

  it("takes the oldest card and driver that it promises", () => {
    using context = openContext(new FakeDriver({ capability: [8, 0], driverVersion: 12000 }).driver);
    expect(context.driverVersion).toEqual({ major: 12, minor: 0 });
  });

  it.each([
    ["cuInit", C.CUDA_ERROR_NO_DEVICE, "--gpus all"],
    ["cuInit", C.CUDA_ERROR_STUB_LIBRARY, "stubs"],
    ["cuInit", C.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "restart the machine"],
    ["cuInit", C.CUDA_ERROR_SYSTEM_NOT_READY, "fabric manager"],
    ["cuDevicePrimaryCtxRetain", C.CUDA_ERROR_DEVICE_UNAVAILABLE, "another program"],
    ["cuDevicePrimaryCtxRetain", C.CUDA_ERROR_OUT_OF_MEMORY, "end other programs"],
  ])("explains what %s reports as %i", (name, status, hint) => {
    const fake = new FakeDriver();
    fake.failures.set(name, status);
    const error = problemOf(() => openContext(fake.driver));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(hint);
    expect(fake.live.size).toBe(0);
  });

  it("releases the context when its stream cannot be made", () => {
    const fake = new FakeDriver();
    fake.failures.set("cuStreamCreate", C.CUDA_ERROR_UNKNOWN);
    expect(problemOf(() => openContext(fake.driver)).message).toBe(
      "the card reported CUDA_ERROR_UNKNOWN (words for 999) when asked to make a stream",
    );
    expect(fake.live.size).toBe(0);
  });
});

describe("checkDriver", () => {
  it("repeats the first loss of the card, whatever is asked later, and lets everything be disposed", () => {
    const fake = new FakeDriver();
    const context = openContext(fake.driver);
    const arena = new Arena(context, [{ name: "x", shape: [4], dtype: "f32" }]);
    fake.failures.set("cuMemsetD8Async", C.CUDA_ERROR_ILLEGAL_ADDRESS);
    const first = problemOf(() => context.stream.fill(0x10n, 8));
    expect(first).toBeInstanceOf(CudaError);
    expect(first.message).toBe(
      "the card reported CUDA_ERROR_ILLEGAL_ADDRESS (words for 700) when asked to fill 8 bytes at 0x10 with zeros; " +
        "nothing works on it any more: the process must be restarted",
    );
    fake.failures.clear();
    const later = problemOf(() => context.memory());
    expect(later.message).toBe(first.message);
    expect(later.cause).toBe(first);
    arena[Symbol.dispose]();
    context[Symbol.dispose]();
  });

  it("does not take a passing trouble for a loss", () => {
    const fake = new FakeDriver();
    expect(() => checkDriver(fake.driver, C.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "launch")).toThrow("OUT_OF_RESOURCES");
    checkDriver(fake.driver, C.CUDA_SUCCESS, "go on");
  });

  it("names a status that the driver does not know", () => {
    expect(driverWords(new FakeDriver().driver, 12345)).toBe("unknown status 12345");
  });
});
