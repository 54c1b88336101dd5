/**
 * A card of this machine, opened: its facts, its context, its stream. The driver keeps the current context per thread; everything here
 * runs on the thread that opened it.
 */
import { UserError } from "../../../../base/errors.js";
import { disposeAll } from "../disposal.js";
import { CONSTANTS as C, type Driver } from "../ffi/driver.js";
import type { Card } from "./card.js";
import { checkDriver, isLost } from "./errors.js";
import { Stream } from "./stream.js";

const OLDEST_CAPABILITY = 8;
const OLDEST_DRIVER = 12_000;
const NAME_BYTES = 256;

/** The versions of CUDA that an installed driver speaks for. */
export interface DriverVersion {
  readonly major: number;
  readonly minor: number;
}

/**
 * Opens a card, by its number among those that the driver shows.
 * @throws UserError when there is no such card, it is too old, or the driver is.
 */
export function openContext(driver: Driver, index = 0): Context {
  checkDriver(driver, driver.cuInit(0), "start the driver");
  const driverVersion = readDriverVersion(driver);
  const device = findDevice(driver, index);
  const card = readCard(driver, device);
  const [major, minor] = card.computeCapability;
  if (major < OLDEST_CAPABILITY)
    throw new UserError({
      what: `${card.name} is too old for this engine`,
      expected: `compute capability ${OLDEST_CAPABILITY}.0 or newer (A100, RTX 30 series and later)`,
      got: `${major}.${minor}`,
      hint: "choose another card, or another engine (`cpu`)",
    });
  return new Context(driver, device, card, driverVersion);
}

export class Context implements Disposable {
  /** Where programs run. */
  readonly stream: Stream;
  private disposed = false;

  constructor(
    readonly driver: Driver,
    private readonly device: number,
    readonly card: Card,
    readonly driverVersion: DriverVersion,
  ) {
    const handle = new BigUint64Array(1);
    checkDriver(driver, driver.cuDevicePrimaryCtxRetain(handle, device), `open ${card.name}`);
    try {
      checkDriver(driver, driver.cuCtxSetCurrent(handle[0]), `use ${card.name}`);
      this.stream = new Stream(driver);
    } catch (error) {
      driver.cuDevicePrimaryCtxRelease_v2(device);
      throw error;
    }
  }

  /** Demands success of a call. @throws UserError, CudaError; see `checkDriver`. */
  check(status: number, asked: string): void {
    checkDriver(this.driver, status, asked);
  }

  /** Device memory now, that of other programs included. */
  memory(): { readonly freeBytes: number; readonly totalBytes: number } {
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
    this.check(this.driver.cuMemGetInfo_v2(free, total), "tell its free memory");
    return { freeBytes: Number(free[0]), totalBytes: Number(total[0]) };
  }

  /** What was allocated on it must have been given back before. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    disposeAll([this.stream, { [Symbol.dispose]: () => this.release() }]);
  }

  private release(): void {
    const status = this.driver.cuDevicePrimaryCtxRelease_v2(this.device);
    if (!isLost(this.driver)) this.check(status, `close ${this.card.name}`);
  }
}

function readDriverVersion(driver: Driver): DriverVersion {
  const version = new Int32Array(1);
  checkDriver(driver, driver.cuDriverGetVersion(version), "tell the driver's version");
  const [major, minor] = [Math.floor(version[0] / 1000), Math.floor((version[0] % 1000) / 10)];
  if (version[0] < OLDEST_DRIVER)
    throw new UserError({
      what: "the NVIDIA driver is too old",
      expected: "one for CUDA 12.0 or newer (525.60 and later)",
      got: `one for CUDA ${major}.${minor}`,
      hint: "install a newer driver",
    });
  return { major, minor };
}

function findDevice(driver: Driver, index: number): number {
  const count = new Int32Array(1);
  checkDriver(driver, driver.cuDeviceGetCount(count), "count the cards");
  if (count[0] === 0) checkDriver(driver, C.CUDA_ERROR_NO_DEVICE, "count the cards");
  if (!Number.isSafeInteger(index) || index < 0 || index >= count[0])
    throw new UserError({
      what: `there is no card ${index}`,
      expected: count[0] === 1 ? "0, the only card" : `0 to ${count[0] - 1}`,
      hint: "cards are counted from 0 in the order of `nvidia-smi`, without those that CUDA_VISIBLE_DEVICES hides",
    });
  const device = new Int32Array(1);
  checkDriver(driver, driver.cuDeviceGet(device, index), `find card ${index}`);
  return device[0];
}

function readCard(driver: Driver, device: number): Card {
  const attribute = (which: number): number => {
    const value = new Int32Array(1);
    checkDriver(driver, driver.cuDeviceGetAttribute(value, which, device), `tell attribute ${which} of card ${device}`);
    return value[0];
  };
  const name = new Uint8Array(NAME_BYTES);
  checkDriver(driver, driver.cuDeviceGetName(name, NAME_BYTES, device), `tell the name of card ${device}`);
  const bytes = new BigUint64Array(1);
  checkDriver(driver, driver.cuDeviceTotalMem_v2(bytes, device), `tell the memory of card ${device}`);
  return {
    name: new TextDecoder().decode(name.subarray(0, Math.max(name.indexOf(0), 0))),
    computeCapability: [
      attribute(C.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
      attribute(C.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
    ],
    multiprocessors: attribute(C.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
    memoryBytes: Number(bytes[0]),
    sharedBytesPerBlock: attribute(C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
    l2Bytes: attribute(C.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE),
  };
}
