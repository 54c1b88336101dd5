/** The driver's bindings through koffi against C stubs: widths of values, 64-bit addresses, texts, arrays of arguments. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONSTANTS, type Driver, openDriver, PROTOTYPES } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { textAt } from "../../../../../src/engine/native/cuda/ffi/host-memory.js";
import { ArgumentBlock } from "../../../../../src/engine/native/cuda/runtime/argument-block.js";
import { openContext } from "../../../../../src/engine/native/cuda/runtime/context.js";
import { driverWords } from "../../../../../src/engine/native/cuda/runtime/errors.js";
import { type StubLibrary, stubLibrary } from "./stub-library.js";

const ADDRESS = 0xffff_8000_1234_5678n;
const BODIES = {
  cuDriverGetVersion: "*(int *)driverVersion = 12040; return 0;",
  cuDeviceGetCount: "*(int *)count = 2; return 0;",
  cuDeviceGet: "*(int *)device = ordinal + 10; return 0;",
  cuDeviceGetName: 'strncpy(name, dev == 11 ? "Second card" : "another", len); return 0;',
  cuDeviceGetAttribute: "*(int *)pi = attrib + 1000 * (dev == 11); return 0;",
  cuDeviceTotalMem_v2: "*(size_t *)bytes = 80ull << 30; return 0;",
  cuDevicePrimaryCtxRetain: "*(uint64_t *)pctx = 0xffff800012345678ull; return dev != 11;",
  cuCtxSetCurrent: "return (uint64_t)ctx != 0xffff800012345678ull;",
  cuStreamCreate: "*(uint64_t *)phStream = Flags + 76; return 0;",
  cuGetErrorName: 'if (error != 2) return 1; *(const char **)pStr = "CUDA_ERROR_OUT_OF_MEMORY"; return 0;',
  cuGetErrorString: 'if (error != 2) return 1; *(const char **)pStr = "out of memory"; return 0;',
  cuMemAlloc_v2: "*(uint64_t *)dptr = 0xffff800012345678ull; return bytesize == 5ull << 32 ? 0 : 1;",
  cuMemFree_v2: "return dptr == 0xffff800012345678ull ? 0 : 1;",
  cuMemGetInfo_v2: "*(size_t *)free = 3ull << 33; *(size_t *)total = 80ull << 30; return 0;",
  cuMemcpyHtoDAsync_v2:
    "return dstDevice == 0xffff800012345678ull && ByteCount == 3 && ((const char *)srcHost)[2] == 9 && hStream == (void *)77 ? 0 : 1;",
  cuMemsetD8Async: "return dstDevice == 0xffff800012345678ull && uc == 255 && N == 1ull << 40 ? 0 : 1;",
  cuModuleGetFunction: '*(uint64_t *)hfunc = 5; return strcmp(name, "add") == 0 && hmod == (void *)4 ? 0 : 500;',
  cuEventElapsedTime: "*(float *)pMilliseconds = 2.5f; return 0;",
  cuLaunchKernel: `void **p = kernelParams;
    return f == (void *)5 && gridDimX == 4294967295u && gridDimZ == 3 && blockDimX == 4 && blockDimZ == 6 && sharedMemBytes == 7
      && hStream == (void *)77 && extra == 0 && *(uint64_t *)p[0] == 0xffff800012345678ull && *(int *)p[1] == -2
      && *(float *)p[2] == 0.5f && *(int64_t *)p[3] == -(1ll << 40) ? 0 : 1;`,
};

let library: StubLibrary;
let driver: Driver;

beforeAll(() => {
  library = stubLibrary("libstub-cuda.so", PROTOTYPES, BODIES);
  driver = openDriver(library.path);
});

afterAll(() => library[Symbol.dispose]());

describe("openDriver", () => {
  it("has every function of the table", () => {
    expect(Object.keys(driver)).toEqual(Object.keys(PROTOTYPES));
  });

  it("fills numbers and addresses of full width", () => {
    const address = new BigUint64Array(1);
    expect(driver.cuMemAlloc_v2(address, 5 * 2 ** 32)).toBe(0);
    expect(address[0]).toBe(ADDRESS);
    expect(driver.cuMemFree_v2(address[0])).toBe(0);
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
    expect(driver.cuMemGetInfo_v2(free, total)).toBe(0);
    expect([free[0], total[0]]).toEqual([3n << 33n, 80n << 30n]);
    const milliseconds = new Float32Array(1);
    driver.cuEventElapsedTime(milliseconds, 1n, 2n);
    expect(milliseconds[0]).toBe(2.5);
  });

  it("passes memory, large sizes, texts and handles", () => {
    expect(driver.cuMemcpyHtoDAsync_v2(ADDRESS, Uint8Array.of(7, 8, 9), 3, 77n)).toBe(0);
    expect(driver.cuMemsetD8Async(ADDRESS, 255, 2 ** 40, 77n)).toBe(0);
    const found = new BigUint64Array(1);
    expect(driver.cuModuleGetFunction(found, 4n, "add")).toBe(0);
    expect(driver.cuModuleGetFunction(found, 4n, "sub")).toBe(CONSTANTS.CUDA_ERROR_NOT_FOUND);
  });

  it("launches with arguments where the driver expects them", () => {
    const block = new ArgumentBlock();
    const args = block.fill([{ pointer: ADDRESS }, { i32: -2 }, { f32: 0.5 }, { i64: -(2 ** 40) }]);
    expect(driver.cuLaunchKernel(5n, 2 ** 32 - 1, 2, 3, 4, 5, 6, 7, 77n, args, null)).toBe(0);
    expect(driver.cuLaunchKernel(5n, 2 ** 32 - 1, 2, 3, 4, 5, 6, 7, 77n, block.fill([{ pointer: 1n }]), null)).toBe(1);
  });

  it("gives the driver's words", () => {
    const text = new BigUint64Array(1);
    expect(driver.cuGetErrorString(2, text)).toBe(0);
    expect(textAt(text[0])).toBe("out of memory");
    expect(driverWords(driver, 2)).toBe("CUDA_ERROR_OUT_OF_MEMORY (out of memory)");
    expect(driverWords(driver, 3)).toBe("unknown status 3");
  });

  it("opens a card", () => {
    using context = openContext(driver, 1);
    expect(context.card).toEqual({
      name: "Second card",
      computeCapability: [1075, 1076],
      multiprocessors: 1016,
      memoryBytes: 80 * 2 ** 30,
      sharedBytesPerBlock: 1097,
      l2Bytes: 1038,
    });
    expect(context.driverVersion).toEqual({ major: 12, minor: 4 });
    expect(context.stream.handle).toBe(77n);
  });

  it("names a function that a library lacks, and a file that is no library", () => {
    using older = stubLibrary("libolder-cuda.so", PROTOTYPES, { cuGraphInstantiateWithFlags: null });
    expect(() => openDriver(older.path)).toThrow("cuGraphInstantiateWithFlags");
    expect(() => openDriver("/dev/null")).toThrow();
  });
});
